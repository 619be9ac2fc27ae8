//! The folder of a demonstration: marked as one, so that neither real data is
//! ever thrown away with it nor invented cases end up among real ones.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::cli::failure::{Exit, Failure};

/// The folder used where none is named.
pub(super) const DEMO_FOLDER: &str = "arrears-demo";

/// The file that marks the folder of a demonstration.
const MARKER: &str = "DEMO.txt";

const MARKER_TEXT: &str = "This folder holds invented cases of `arrears serve --demo`. It may be \
                           deleted at any time; `--fresh` does so.\n";

/// Makes a folder ready for a demonstration: a new or empty one is marked, a
/// marked one is reused, or emptied if a fresh start is asked for. Any other is
/// refused.
pub(super) fn prepare(folder: &Path, fresh: bool) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Failure, format!("{}: {error}", folder.display()))
    };
    let marked = folder.join(MARKER).exists();
    let empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == ErrorKind::NotFound => true,
        Err(error) => return Err(failed(error)),
    };
    if !marked && !empty {
        let message = format!("{} holds something that is no demonstration", folder.display());
        let next = "name another folder with --data-dir, or serve this one without --demo";
        return Err(Failure::new(Exit::Usage, message).with_next(next));
    }
    if marked && fresh {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    fs::create_dir_all(folder).map_err(failed)?;
    fs::write(folder.join(MARKER), MARKER_TEXT).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_kept_and_on_demand_emptied() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("a").join("demo");
        prepare(&folder, false).unwrap();
        fs::write(folder.join("arrears.db"), "cases").unwrap();
        prepare(&folder, false).unwrap();
        assert!(folder.join("arrears.db").exists(), "a second start reuses the folder");
        prepare(&folder, true).unwrap();
        assert!(!folder.join("arrears.db").exists(), "a fresh one starts anew");
        assert!(folder.join(MARKER).exists());
    }

    #[test]
    fn real_data_is_neither_mixed_with_a_demonstration_nor_deleted() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("arrears.db"), "real").unwrap();
        for fresh in [false, true] {
            let refused = prepare(folder.path(), fresh).unwrap_err();
            assert_eq!(refused.exit(), 2);
        }
        assert_eq!(fs::read_to_string(folder.path().join("arrears.db")).unwrap(), "real");
    }
}
