//! Rules of the contract, of what is stored, and of the documents about them.

use std::collections::BTreeSet;

use prost_types::FileDescriptorSet;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto};
use protox::prost::Message;

use crate::{File, check, root};

/// The numbers that paths to comments are made of, from descriptor.proto.
mod tag {
    pub const FILE_MESSAGE: i32 = 4;
    pub const FILE_ENUM: i32 = 5;
    pub const FILE_SERVICE: i32 = 6;
    pub const SERVICE_METHOD: i32 = 2;
    pub const MESSAGE_FIELD: i32 = 2;
    pub const MESSAGE_NESTED: i32 = 3;
    pub const MESSAGE_ENUM: i32 = 4;
    pub const MESSAGE_ONEOF: i32 = 8;
    pub const ENUM_VALUE: i32 = 2;
}

fn number(at: usize) -> i32 {
    i32::try_from(at).unwrap()
}

/// The comments of one file.
struct Comments<'a> {
    file: &'a FileDescriptorProto,
    missing: Vec<String>,
}

impl Comments<'_> {
    fn want(&mut self, path: &[i32], name: &str) {
        let locations = self.file.source_code_info.iter().flat_map(|info| &info.location);
        let mut comments = locations.filter(|location| location.path == path);
        if !comments.any(|location| !location.leading_comments().trim().is_empty()) {
            self.missing.push(format!("{}: {name} has no comment", self.file.name()));
        }
    }

    fn message(&mut self, path: &[i32], message: &DescriptorProto) {
        let nested_entry = message.options.as_ref().is_some_and(|options| options.map_entry());
        if nested_entry {
            return;
        }
        self.want(path, message.name());
        let inner = |tag, at| [path, &[tag, number(at)]].concat();
        for (at, field) in message.field.iter().enumerate() {
            let name = format!("{}.{}", message.name(), field.name());
            self.want(&inner(tag::MESSAGE_FIELD, at), &name);
        }
        let written: Vec<_> = message.oneof_decl.iter().map(|oneof| oneof.name()).collect();
        for (at, name) in written.iter().enumerate().filter(|(_, name)| !name.starts_with('_')) {
            self.want(&inner(tag::MESSAGE_ONEOF, at), &format!("{}.{name}", message.name()));
        }
        for (at, nested) in message.nested_type.iter().enumerate() {
            self.message(&inner(tag::MESSAGE_NESTED, at), nested);
        }
        for (at, nested) in message.enum_type.iter().enumerate() {
            self.choice(&inner(tag::MESSAGE_ENUM, at), nested);
        }
    }

    fn choice(&mut self, path: &[i32], choice: &EnumDescriptorProto) {
        self.want(path, choice.name());
        for (at, value) in choice.value.iter().enumerate() {
            self.want(&[path, &[tag::ENUM_VALUE, number(at)]].concat(), value.name());
        }
    }
}

/// What of a compiled proto file has no comment.
fn uncommented(file: &FileDescriptorProto) -> Vec<String> {
    let mut comments = Comments { file, missing: Vec::new() };
    for (at, message) in file.message_type.iter().enumerate() {
        comments.message(&[tag::FILE_MESSAGE, number(at)], message);
    }
    for (at, choice) in file.enum_type.iter().enumerate() {
        comments.choice(&[tag::FILE_ENUM, number(at)], choice);
    }
    for (at, service) in file.service.iter().enumerate() {
        let path = [tag::FILE_SERVICE, number(at)];
        comments.want(&path, service.name());
        for (at, method) in service.method.iter().enumerate() {
            let name = format!("{}.{}", service.name(), method.name());
            comments.want(&[&path[..], &[tag::SERVICE_METHOD, number(at)]].concat(), &name);
        }
    }
    comments.missing
}

/// Compiles proto files the way the build does, with their comments.
fn compile(folder: &std::path::Path, names: &[String]) -> Vec<FileDescriptorProto> {
    let mut compiler = protox::Compiler::new([folder]).unwrap();
    compiler.include_source_info(true).include_imports(false);
    compiler.open_files(names).unwrap();
    // Through bytes: the compiler's prost types need not be those of the tests.
    let bytes = compiler.file_descriptor_set().encode_to_vec();
    <FileDescriptorSet as prost::Message>::decode(&*bytes).unwrap().file
}

#[test]
fn every_element_of_the_contract_and_of_what_is_stored_has_a_comment() {
    let names: Vec<_> = crate::files()
        .into_iter()
        .filter_map(|file| Some(file.path.strip_prefix("proto/")?.to_owned()))
        .filter(|path| path.ends_with(".proto"))
        .collect();
    assert!(names.iter().any(|name| name.starts_with("arrears/store/")), "{names:?}");
    let files = compile(&root().join("proto"), &names);
    assert_eq!(files.len(), names.len());
    let missing: Vec<_> = files.iter().flat_map(uncommented).collect();
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

#[test]
fn an_element_without_a_comment_is_seen() {
    let text = "syntax = \"proto3\";\npackage x;\n// A.\nmessage A {\n  int32 bare = 1;\n  \
                // The choice.\n  oneof kind {\n    // B.\n    int32 b = 2;\n  }\n  \
                oneof bare_kind {\n    // C.\n    int32 c = 3;\n  }\n}\n\
                enum E {\n  E_UNSPECIFIED = 0;\n}\nservice S {\n  rpc M(A) returns (A);\n}\n";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("x.proto"), text).unwrap();
    let files = compile(folder.path(), &["x.proto".to_owned()]);
    let missing: Vec<_> = files.iter().flat_map(uncommented).collect();
    let names = ["A.bare", "A.bare_kind", "E", "E_UNSPECIFIED", "S", "S.M"];
    let all = names.map(|name| format!("x.proto: {name} has no comment"));
    let (missing, all) = (BTreeSet::from_iter(missing), BTreeSet::from_iter(all));
    assert_eq!(missing, all);
}

const REASONS: &str = "proto/arrears/v1/error_reason.proto";
const ERRORS: &str = "docs/ERRORS.md";

/// The reasons of the contract, without their prefix and without the one that is
/// never sent, each with the metadata its comment promises.
fn reasons(files: &[File]) -> Vec<(String, Vec<String>)> {
    let Some(file) = files.iter().find(|file| file.path == REASONS) else { return Vec::new() };
    let mut comment = String::new();
    let mut found = Vec::new();
    for line in file.text.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("//") {
            comment.push_str(text);
            continue;
        }
        if let Some(rest) = line.strip_prefix("ERROR_REASON_") {
            let name = rest.split(' ').next().unwrap_or_default();
            let keys = comment.split_once("Metadata:").map_or("", |parts| parts.1);
            let keys = keys.split([',', '.', ' ']).filter(|key| !key.is_empty());
            if name != "UNSPECIFIED" {
                found.push((name.to_owned(), keys.map(str::to_owned).collect()));
            }
        }
        comment.clear();
    }
    found
}

/// The sections of the document about errors: the reason, and its text.
fn sections(files: &[File]) -> Vec<(String, String)> {
    let Some(file) = files.iter().find(|file| file.path == ERRORS) else { return Vec::new() };
    let parts = file.text.split("\n## ").skip(1);
    parts
        .map(|part| {
            let (name, text) = part.split_once('\n').unwrap_or((part, ""));
            (name.trim().trim_matches('`').to_owned(), text.to_owned())
        })
        .collect()
}

fn errors_are_documented(files: &[File]) -> Vec<String> {
    let (reasons, sections) = (reasons(files), sections(files));
    let mut complaints = Vec::new();
    for (reason, keys) in &reasons {
        let mut own = sections.iter().filter(|section| section.0 == *reason);
        let (Some((_, text)), None) = (own.next(), own.next()) else {
            complaints.push(format!("{ERRORS}: not one section for {reason}"));
            continue;
        };
        for part in ["Code:", "Cause:", "What to do:", "Metadata:"] {
            if !text.contains(part) {
                complaints.push(format!("{ERRORS}: {reason} does not say \"{part}\""));
            }
        }
        for key in keys.iter().filter(|key| !text.contains(&format!("`{key}`"))) {
            complaints.push(format!("{ERRORS}: {reason} does not name `{key}`"));
        }
    }
    for (name, _) in sections {
        if !reasons.iter().any(|reason| reason.0 == name) {
            complaints.push(format!("{ERRORS}: {name} is no reason"));
        }
    }
    complaints
}

#[test]
fn every_reason_has_a_section_and_every_section_a_reason() {
    let bad = [
        File::sample(REASONS, "// A fault.\nERROR_REASON_INTERNAL = 42;"),
        File::sample(ERRORS, "# Errors\n\n## `NO_SUCH_REASON`\n\nCode: x"),
    ];
    check(errors_are_documented, &bad);
    let halves = [
        File::sample(REASONS, "// Too large. Metadata: bound.\nERROR_REASON_TOO_LARGE = 1;"),
        File::sample(ERRORS, "\n## `TOO_LARGE`\n\nCode: a\nCause: b\nMetadata: `limit`\n"),
    ];
    assert_eq!(errors_are_documented(&halves).len(), 2);
}

fn baseline_is_a_commit(files: &[File]) -> Vec<String> {
    let Some(file) = files.iter().find(|file| file.path == "proto/BASELINE") else {
        return vec!["proto/BASELINE does not exist".to_owned()];
    };
    let name = file.text.trim();
    let hash = name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hash { Vec::new() } else { vec![format!("proto/BASELINE: {name:?} is no commit")] }
}

#[test]
fn the_baseline_of_the_contract_is_a_commit() {
    check(baseline_is_a_commit, &[File::sample("proto/BASELINE", "main\n"), File::sample("x", "")]);
}
