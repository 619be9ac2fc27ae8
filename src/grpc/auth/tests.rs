use prost::Message;
use prost_types::FileDescriptorSet;

use super::*;
use crate::proto;

/// Every method of the contract with its comment, read from the descriptors that
/// reflection serves.
fn commented_methods() -> Vec<(String, String)> {
    let files = FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap().file;
    let mut methods = Vec::new();
    for file in files.iter().filter(|file| file.package() == "arrears.v1") {
        let locations = &file.source_code_info.as_ref().unwrap().location;
        for (s, service) in file.service.iter().enumerate() {
            for (m, method) in service.method.iter().enumerate() {
                let path = [6, i32::try_from(s).unwrap(), 2, i32::try_from(m).unwrap()];
                let location = locations.iter().find(|location| location.path == path).unwrap();
                let name = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                let words: Vec<_> = location.leading_comments().split_whitespace().collect();
                methods.push((name, words.join(" ")));
            }
        }
    }
    methods
}

/// The roles a comment names: `Role: any.`, `Role: any but dialer.`, `Role:
/// analyst, approver.` or `Role: analyst or operator.`
fn roles_of(comment: &str) -> Vec<&'static str> {
    let (_, text) =
        comment.rsplit_once("Role: ").unwrap_or_else(|| panic!("no role in {comment:?}"));
    let text = text.strip_suffix('.').unwrap();
    let all: Vec<_> = Role::ALL.iter().map(|role| role.name()).collect();
    if text == "any" {
        return all;
    }
    if let Some(but) = text.strip_prefix("any but ") {
        assert!(all.contains(&but), "{but} is no role");
        return all.into_iter().filter(|role| *role != but).collect();
    }
    let named: Vec<_> = text.split([',', ' ']).filter(|word| !["", "or"].contains(word)).collect();
    for name in &named {
        assert!(all.contains(name), "{name} is no role");
    }
    all.into_iter().filter(|role| named.contains(role)).collect()
}

#[test]
fn every_method_has_a_row_and_its_comment_says_the_same() {
    let methods = commented_methods();
    assert_eq!(methods.len(), METHODS.len(), "a row of the table is no method");
    for (name, comment) in methods {
        let mut row: Vec<_> = roles(&name)
            .unwrap_or_else(|| panic!("{name} has no row"))
            .iter()
            .map(|role| role.name())
            .collect();
        let mut said = roles_of(&comment);
        row.sort_unstable();
        said.sort_unstable();
        assert_eq!(row, said, "{name}");
    }
}

#[test]
fn only_addresses_of_this_machine_alone_are_accepted() {
    for good in ["127.0.0.1:1", "127.8.8.8:0", "[::1]:50051", "[::ffff:127.0.0.1]:1"] {
        assert_eq!(check_loopback(good.parse().unwrap()), Ok(()), "{good}");
    }
    for bad in ["0.0.0.0:50051", "[::]:50051", "192.168.1.4:1", "[fe80::1]:1", "[::ffff:8.8.8.8]:1"]
    {
        let address = bad.parse().unwrap();
        assert_eq!(check_loopback(address), Err(NotLoopback(address)), "{bad}");
    }
    let error = check_loopback("0.0.0.0:50051".parse().unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("0.0.0.0:50051 is not a loopback address"), "{error}");
}
