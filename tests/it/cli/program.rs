//! Running the program.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::support::TestDatabase;

/// A server that runs as a process of its own, in a folder of its own. It ends
/// when it is dropped.
pub(crate) struct Program {
    server: Child,
    address: String,
    http_addr: String,
    database: TestDatabase,
}

/// What a command printed.
pub(crate) struct Printed {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub data: String,
    /// Standard error.
    pub notes: String,
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_arrears"));
    // Settings of whoever runs the tests are of no concern.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ARREARS_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

impl Printed {
    /// What a process left that has ended.
    pub(crate) fn new(output: Output) -> Printed {
        Printed {
            code: output.status.code().expect("the program was not killed"),
            data: String::from_utf8(output.stdout).unwrap(),
            notes: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The data as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.data).expect(&self.data)
    }

    /// The error object on standard error.
    pub(crate) fn error(&self) -> Value {
        let last = self.notes.lines().last().unwrap_or_default();
        serde_json::from_str(last).expect(&self.notes)
    }
}

/// Runs a command in a folder without a server.
pub(crate) fn run_alone(folder: &std::path::Path, args: &[&str]) -> Printed {
    run_with(folder, args, &[])
}

/// The same with variables of the environment.
pub(crate) fn run_with(folder: &std::path::Path, args: &[&str], env: &[(&str, &str)]) -> Printed {
    let mut command = command();
    command.current_dir(folder).args(args).envs(env.iter().copied());
    Printed::new(command.output().unwrap())
}

impl Program {
    /// Starts `arrears serve` in an empty folder.
    pub(crate) fn start() -> Program {
        Program::over(TestDatabase::new(), &[])
    }

    /// Starts `arrears serve` over a folder, whatever the tests run on.
    pub(super) fn over_folder() -> Program {
        Program::over(TestDatabase::on_sqlite(), &[])
    }

    /// Starts `arrears serve` with options in a folder and waits for its address.
    pub(crate) fn over(database: TestDatabase, options: &[&str]) -> Program {
        let log = fs::File::create(database.path().join("serve.log")).unwrap();
        Program::spawn(database, options, log.into())
    }

    /// Starts `arrears serve --demo` in a folder and waits until it says what to do
    /// next. Returns what it has told until then, too.
    pub(crate) fn demo(database: TestDatabase, options: &[&str]) -> (Program, Vec<String>) {
        let options = [&["--demo"], options].concat();
        let mut program = Program::spawn(database, &options, Stdio::piped());
        let mut notes = Vec::new();
        for line in BufReader::new(program.server.stderr.take().unwrap()).lines() {
            notes.push(line.unwrap());
            if notes.last().is_some_and(|line| line.starts_with("next: ")) {
                return (program, notes);
            }
        }
        panic!("the server ended: {notes:?}");
    }

    fn spawn(database: TestDatabase, options: &[&str], stderr: Stdio) -> Program {
        let mut server = command()
            .current_dir(database.path())
            .envs(database.url().map(|url| ("ARREARS_DATABASE_URL", url)))
            .args(["serve", "--grpc-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let mut addresses = line.split_whitespace().filter(|word| word.starts_with("http://"));
        let address = addresses.next().expect(&line).to_owned();
        let http_addr = addresses.next().expect(&line).trim_start_matches("http://").to_owned();
        Program { server, address, http_addr, database }
    }

    /// Kills the server at once, as a power failure of the process would.
    pub(crate) fn kill(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }

    /// The number of the server's process.
    pub(crate) fn id(&self) -> u32 {
        self.server.id()
    }

    /// Takes folder and database away, for another server to be started over them.
    pub(crate) fn take_database(&mut self) -> TestDatabase {
        std::mem::replace(&mut self.database, TestDatabase::new())
    }

    /// The database of the server.
    pub(crate) fn database(&self) -> &TestDatabase {
        &self.database
    }

    /// A connection of a client that is not the program.
    pub(crate) async fn channel(&self) -> tonic::transport::Channel {
        let endpoint = tonic::transport::Channel::from_shared(self.address.clone()).unwrap();
        endpoint.connect().await.unwrap()
    }

    /// Where gRPC is served: `http://` and an address.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The path of a file in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.database.path().join(name)
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Reads a file of the folder.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// A command against the server, in its folder.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = command();
        command.current_dir(self.database.path()).args(args);
        command.env("ARREARS_SERVER", &self.address).env("ARREARS_HTTP_ADDR", &self.http_addr);
        command
    }

    /// Runs a command against the server, in its folder.
    pub(crate) fn run(&self, args: &[&str]) -> Printed {
        Printed::new(self.command(args).output().unwrap())
    }

    /// Starts a command whose input the test writes and whose output it reads.
    pub(crate) fn spawn_command(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Runs a command that must succeed.
    pub(crate) fn run_well(&self, args: &[&str]) -> Printed {
        let printed = self.run(args);
        assert_eq!(printed.code, 0, "{args:?}: {}", printed.notes);
        printed
    }

    /// Creates a portfolio in EUR under the policy `always`.
    pub(crate) fn create_portfolio(&self, portfolio_id: &str) {
        self.run_well(&[
            "portfolio",
            "create",
            portfolio_id,
            "--time-zone",
            "Europe/Berlin",
            "--currency",
            "EUR",
            "--policy",
            "always",
        ]);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A process that has ended by itself cannot be killed; that is no matter here.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
