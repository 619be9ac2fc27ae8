//! Compiles the protos: the contract for clients and servers with its
//! descriptors (reflection), and the stored messages beside it.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use protox::prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=migrations");
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let contract = protox::compile(protos("proto/arrears/v1")?, ["proto"])?;
    fs::write(out.join("contract.bin"), contract.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(contract)?;

    let stored = protox::compile(protos("proto/arrears/store/v1")?, ["proto"])?;
    tonic_prost_build::configure().compile_fds(stored)?;
    Ok(())
}

fn protos(folder: impl AsRef<Path>) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    files.sort();
    Ok(files)
}
