//! Files that are not UTF-8.

use std::io::{self, Read};

use clap::ValueEnum;
use encoding_rs::{UTF_16LE, WINDOWS_1252};
use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};
use serde::Deserialize;

/// How the text of a file is written as bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[default]
    #[serde(rename = "utf-8")]
    #[value(name = "utf-8")]
    Utf8,
    /// Windows-1252, as spreadsheets of western Europe write it.
    #[serde(rename = "windows-1252")]
    #[value(name = "windows-1252")]
    Windows1252,
    /// ISO 8859-1; read as Windows-1252, which has the same letters and more.
    #[serde(rename = "latin1")]
    #[value(name = "latin1")]
    Latin1,
    /// UTF-16; without a byte order mark, the low byte comes first.
    #[serde(rename = "utf-16")]
    #[value(name = "utf-16")]
    Utf16,
}

/// A file as UTF-8. A byte order mark wins over the encoding that was named.
pub(super) enum Utf8Reader<R> {
    /// It is UTF-8 already; what is not is found cell by cell.
    Plain(R),
    /// It is decoded; what cannot be becomes U+FFFD.
    Decoded(Box<DecodeReaderBytes<R, Vec<u8>>>),
}

impl<R: Read> Utf8Reader<R> {
    /// Reads a file of an encoding.
    pub(super) fn new(source: R, encoding: Encoding) -> Utf8Reader<R> {
        let encoding = match encoding {
            Encoding::Utf8 => return Utf8Reader::Plain(source),
            Encoding::Windows1252 | Encoding::Latin1 => WINDOWS_1252,
            Encoding::Utf16 => UTF_16LE,
        };
        let decoded = DecodeReaderBytesBuilder::new()
            .encoding(Some(encoding))
            .bom_override(true)
            .build(source);
        Utf8Reader::Decoded(Box::new(decoded))
    }
}

impl<R: Read> Read for Utf8Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Utf8Reader::Plain(source) => source.read(buffer),
            Utf8Reader::Decoded(source) => source.read(buffer),
        }
    }
}
