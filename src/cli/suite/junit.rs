//! Verdicts in the form that continuous integration reads: JUnit's XML, a test suite a
//! file, a test case a golden case.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::Verdict;

/// The document of several suites, each with its file.
pub(in crate::cli) fn document(suites: &[(String, Vec<Verdict>)]) -> io::Result<String> {
    let failed = |verdicts: &[Verdict]| verdicts.iter().filter(|one| !one.passed()).count();
    let all = suites.iter().map(|(_, verdicts)| verdicts.len()).sum::<usize>();
    let all_failed = suites.iter().map(|(_, verdicts)| failed(verdicts)).sum::<usize>();
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer
        .create_element("testsuites")
        .with_attribute(("tests", all.to_string().as_str()))
        .with_attribute(("failures", all_failed.to_string().as_str()))
        .write_inner_content(|writer| {
            suites.iter().try_for_each(|(file, verdicts)| {
                writer
                    .create_element("testsuite")
                    .with_attribute(("name", file.as_str()))
                    .with_attribute(("tests", verdicts.len().to_string().as_str()))
                    .with_attribute(("failures", failed(verdicts).to_string().as_str()))
                    .write_inner_content(|writer| {
                        verdicts.iter().try_for_each(|verdict| case(writer, file, verdict))
                    })
                    .map(drop)
            })
        })?;
    let mut bytes = writer.into_inner();
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn case(writer: &mut Writer<Vec<u8>>, file: &str, verdict: &Verdict) -> io::Result<()> {
    let element = writer
        .create_element("testcase")
        .with_attribute(("classname", file))
        .with_attribute(("name", verdict.name()));
    if verdict.passed() {
        return element.write_empty().map(drop);
    }
    let written = element.write_inner_content(|writer| {
        let details = verdict.details("");
        writer
            .create_element("failure")
            .with_attribute(("message", verdict.difference().as_str()))
            .write_text_content(BytesText::new(&details))
            .map(drop)
    });
    written.map(drop)
}
