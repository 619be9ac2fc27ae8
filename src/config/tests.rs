use std::path::PathBuf;

use super::*;

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("arrears.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn without_anything_the_defaults_hold() {
    let config = Config::load(None, [], &[]).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.server.grpc_addr.to_string(), "127.0.0.1:50051");
    assert_eq!(config.server.http_addr.to_string(), "127.0.0.1:8080");
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let (_folder, path) = file(
        "[server]\ngrpc_addr = \"127.0.0.1:1\"\nhttp_addr = \"127.0.0.1:2\"\ndrain_seconds = 3\n",
    );
    let env = env(&[
        ("ARREARS_HTTP_ADDR", "127.0.0.1:22"),
        ("ARREARS_DRAIN_SECONDS", "33"),
        ("ARREARS_LOG_FORMAT", "json"),
        ("ARREARS_DATASETS", "of no concern"),
        ("HTTP_ADDR", "of no concern"),
    ]);
    let flags = [("server.drain_seconds", "133".to_owned())];
    let config = Config::load(Some(&path), env, &flags).unwrap();
    assert_eq!(config.server.grpc_addr.port(), 1);
    assert_eq!(config.server.http_addr.port(), 22);
    assert_eq!(config.server.drain_seconds, 133);
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn every_setting_can_be_given_by_flag_and_by_environment() {
    let default = Config::default();
    for (section, field, number) in SETTINGS {
        let value = match *field {
            "format" => "json",
            "grpc_addr" | "http_addr" => "[::1]:77",
            "database_url" => "postgres://db/arrears",
            "database_pooler" => "transaction",
            "database_commit" => "asynchronous",
            "lock_timeout_seconds" => "7",
            _ if *number => "77",
            _ => "elsewhere",
        };
        let value = if *field == "request_bytes_max" { "77777" } else { value };
        let key = format!("{section}.{field}");
        let by_flag = Config::load(None, [], &[(&key, value.to_owned())]).unwrap();
        assert_ne!(by_flag, default, "{key}");
        let name = format!("{ENV_PREFIX}{}", env_name(section, field));
        let by_env = Config::load(None, env(&[(&name, value)]), &[]).unwrap();
        assert_eq!(by_env, by_flag, "{key}");
    }
}

#[test]
fn all_broken_rules_are_told_at_once() {
    let (_folder, path) = file(
        "[server]\ndrain_seconds = 301\n[store]\ndata_dir = \"\"\n\
         [limits]\nrequest_bytes_max = 4194305\nconcurrent_streams_max = 0\n",
    );
    let error = Config::load(Some(&path), [], &[]).unwrap_err();
    let ConfigError::Invalid(problems) = &error else { panic!("{error}") };
    let settings: Vec<_> = problems.iter().map(|problem| problem.setting).collect();
    assert_eq!(
        settings,
        [
            "server.drain_seconds",
            "store.data_dir",
            "limits.request_bytes_max",
            "limits.concurrent_streams_max"
        ]
    );
    assert!(error.to_string().contains("server.drain_seconds is \"301\"; 0 to 300 are allowed"));
}

#[test]
fn an_unknown_name_is_refused_with_its_line() {
    let (_folder, path) = file("[server]\ngrpc_address = \"127.0.0.1:1\"\n");
    let error = Config::load(Some(&path), [], &[]).unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
    assert!(error.contains("grpc_address"), "{error}");
}

#[test]
fn a_value_that_cannot_be_read_names_where_it_came_from() {
    let error = Config::load(None, env(&[("ARREARS_GRPC_ADDR", "nowhere")]), &[]);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("ARREARS_GRPC_ADDR"), "{error}");
    let error = Config::load(None, [], &[("server.drain_seconds", "soon".to_owned())]);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("server.drain_seconds"), "{error}");
    let error = Config::load(None, [], &[("server.colour", "red".to_owned())]).unwrap_err();
    assert!(matches!(error, ConfigError::Unknown(name) if name == "server.colour"));
}

#[test]
fn one_address_for_both_listeners_is_refused() {
    let flags = [
        ("server.grpc_addr", "127.0.0.1:7".to_owned()),
        ("server.http_addr", "127.0.0.1:7".to_owned()),
    ];
    let error = Config::load(None, [], &flags).unwrap_err();
    assert!(matches!(error, ConfigError::Invalid(problems) if problems.len() == 1));
    let free = flags.map(|(key, _)| (key, "127.0.0.1:0".to_owned()));
    assert!(Config::load(None, [], &free).is_ok());
}

#[test]
fn addresses_of_others_and_filters_that_are_none_are_refused() {
    let problems = |key, value: &str| match Config::load(None, [], &[(key, value.to_owned())]) {
        Err(ConfigError::Invalid(problems)) => problems,
        other => panic!("{other:?}"),
    };
    for key in ["server.grpc_addr", "server.http_addr"] {
        let problems = problems(key, "0.0.0.0:9");
        assert_eq!((problems[0].setting, problems[0].value.as_str()), (key, "0.0.0.0:9"));
        assert!(problems[0].bound.contains("loopback"));
    }
    assert_eq!(problems("log.filter", "arrears=loud")[0].setting, "log.filter");
    let mapped = [("server.grpc_addr", "[::ffff:127.0.0.1]:9".to_owned())];
    assert!(Config::load(None, [], &mapped).is_ok());
}

#[test]
fn every_setting_says_where_its_value_came_from() {
    let (_folder, path) = file(
        "# mine\n[server]\n# what\ngrpc_addr = \"127.0.0.1:1\"\ndrain_seconds = 3\n\n\
         [client]\nportfolio = \"north\"\n",
    );
    let env = env(&[("ARREARS_DRAIN_SECONDS", "33"), ("ARREARS_WORKER", "maria")]);
    let flags = [("client.server", "http://127.0.0.1:2".to_owned())];
    let settings = Settings::load(Some(&path), env, &flags).unwrap().list();
    assert_eq!(settings.len(), SETTINGS.len());
    let origin = |name: &str| {
        let setting = settings.iter().find(|setting| setting.name == name).unwrap();
        (setting.value.clone(), setting.origin.clone())
    };
    let line = |line| Origin::File { path: path.clone(), line };
    assert_eq!(origin("server.grpc_addr"), ("127.0.0.1:1".into(), line(4)));
    assert_eq!(origin("client.portfolio"), ("north".into(), line(8)));
    let variable = |name: &str| Origin::Variable(name.to_owned());
    assert_eq!(origin("server.drain_seconds"), (33.into(), variable("ARREARS_DRAIN_SECONDS")));
    assert_eq!(origin("client.worker"), ("maria".into(), variable("ARREARS_WORKER")));
    assert_eq!(origin("client.server"), ("http://127.0.0.1:2".into(), Origin::Flag));
    assert_eq!(origin("log.format"), ("text".into(), Origin::Default));
    let unset: Vec<&str> = settings
        .iter()
        .filter(|setting| setting.value.is_null())
        .map(|setting| setting.name.as_str())
        .collect();
    assert_eq!(unset, ["store.database_url"]);
}
