//! Texts that people write, YAML or JSON: read into types, and told of with the place of
//! everything in them. What a type is made of is known by its `Deserialize` alone.

mod reader;
mod tree;

use serde::de::DeserializeOwned;

pub use tree::{Place, Tree};

/// The most flaws told of one text; nobody reads more.
const FLAWS_MAX: usize = 100;

/// Something that keeps a text from being read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where, such as `characteristics[3].bins[2].to`; empty: the text as a whole.
    pub path: String,
    /// Where in the text, as far as that is known.
    pub place: Option<Place>,
    /// What is wrong, with what is written there and what is allowed.
    pub message: String,
}

/// Reads a text.
///
/// # Errors
/// Everything in it that has another form than the type; of a text that is no YAML, the
/// first place where it is none.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Vec<Flaw>> {
    serde_saphyr::from_str(text).map_err(|error| {
        let told = Tree::parse(text).map(|tree| reader::flaws::<T>(&tree));
        match told {
            // What is not seen in the tree is told as the library tells it.
            Ok(flaws) if flaws.is_empty() => vec![Flaw::of(&error)],
            Ok(flaws) => flaws,
            Err(flaw) => vec![flaw],
        }
    })
}

impl Flaw {
    fn of(error: &serde_saphyr::Error) -> Flaw {
        use serde_saphyr::Error;
        let error = error.without_snippet();
        let place = error.location().map(|at| Place { line: at.line(), column: at.column() });
        let message = match error {
            Error::Eof { .. } => "the text ends where something is missing".to_owned(),
            Error::MultipleDocuments { .. } => {
                "a second document begins here, behind `---`; one is allowed".to_owned()
            }
            _ => {
                let text = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
                text.rsplit_once(" at line ").map_or(text.clone(), |(told, _)| told.to_owned())
            }
        };
        Flaw { path: String::new(), place, message }
    }
}
