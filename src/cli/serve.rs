//! `arrears serve`: the service itself, and with `--demo` something to look at.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::client::Context;
use super::database;
use super::failure::{Exit, Failure};
use super::import::today;
use super::init::WORK_LIST_ID;
use super::output;
use super::settings::variables;
use crate::config::{Client, Config};
use crate::engine::{Engine, EngineOptions};
use crate::grpc::{self, Listeners};
use crate::model::SystemClock;
use crate::telemetry;

mod folder;
mod load;

#[derive(Args, Debug)]
pub(super) struct ServeArgs {
    /// The address of gRPC; port 0 takes a free one [default: 127.0.0.1:50051]
    #[arg(long, value_name = "ADDRESS")]
    grpc_addr: Option<String>,
    /// The address of /healthz, /readyz and /metrics; port 0 takes a free one
    /// [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    http_addr: Option<String>,
    /// The folder of the database; made if it is not there [default:
    /// arrears-data, with --demo arrears-demo]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// A PostgreSQL database instead of a folder, which several servers may share.
    /// ARREARS_DATABASE_URL keeps a password out of the list of processes
    #[arg(long, value_name = "URL", conflicts_with_all = ["data_dir", "demo"])]
    database_url: Option<String>,
    /// What stands between this server and PostgreSQL
    #[arg(long, value_name = "KIND", value_parser = ["none", "transaction"])]
    database_pooler: Option<String>,
    /// Serves over a PostgreSQL that acknowledges commits before they are durable
    #[arg(long)]
    allow_async_commit: bool,
    /// Over how many parts a tenant is spread that stores something for the first time,
    /// 1 to 128 [default: 1]
    #[arg(long, value_name = "COUNT")]
    tenant_buckets: Option<i64>,
    /// Serves 50,000 invented cases, in a folder of their own
    #[arg(long)]
    demo: bool,
    /// Throws an earlier demonstration away and starts anew
    #[arg(long, requires = "demo")]
    fresh: bool,
}

/// Serves until it is told to stop.
pub(super) async fn run(context: &Context, args: ServeArgs) -> Result<(), Failure> {
    let mut config = settings(context, &args)?;
    if args.demo || args.data_dir.is_some() {
        // Never the database that a file or a variable names for real data.
        config.store.database_url = None;
    }
    let usage = |error: &dyn std::fmt::Display| Failure::new(Exit::Usage, error);
    telemetry::init(&config.log).map_err(|error| usage(&error))?;
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Failure, error);
    let listeners = Listeners::bind(&config).await.map_err(|error| failed(&error))?;
    let folder = &config.store.data_dir;
    if args.demo {
        folder::prepare(folder, args.fresh)?;
    }
    let place = database::place(&config.store);
    let options = EngineOptions {
        tenant_buckets: config.store.tenant_buckets,
        book_bytes_max: config.limits.book_memory_mib << 20,
    };
    let database = database::database(&config.store)?;
    let engine = Engine::open_with(database, Arc::new(SystemClock), options).await;
    let engine = engine.map_err(|error| failed(&format!("{place}: {error}")))?;
    let grpc = listeners.grpc_addr().map_err(|error| failed(&error))?;
    let http = listeners.http_addr().map_err(|error| failed(&error))?;
    output::write_out(&format!("serving gRPC on http://{grpc} and HTTP on http://{http}\n"))?;
    output::note(&format!("data lies in {}", database::place(&config.store)));

    let shutdown = CancellationToken::new();
    let stopping = stop_when_told(shutdown.clone());
    let demo = Context { server: format!("http://{grpc}"), ..context.clone() };
    let showing = async {
        let shown = tokio::select! {
            shown = show(&demo, folder), if args.demo => shown,
            () = shutdown.cancelled() => Ok(()),
        };
        if shown.is_err() {
            shutdown.cancel();
        }
        shown
    };
    let serving = grpc::serve(engine, listeners, &config, shutdown.clone());
    let (served, shown) = tokio::join!(serving, showing);
    stopping.abort();
    served.map_err(|error| failed(&error))?;
    shown
}

/// The settings: the file, then the environment, then the flags.
fn settings(context: &Context, args: &ServeArgs) -> Result<Config, Failure> {
    let text = |path: &PathBuf| path.to_string_lossy().into_owned();
    // Never the folder that a file or a variable names for real data.
    let demo = args.demo.then(|| folder::DEMO_FOLDER.to_owned());
    let commit = args.allow_async_commit.then(|| "asynchronous".to_owned());
    let flags: Vec<(&str, String)> = [
        ("server.grpc_addr", args.grpc_addr.clone()),
        ("server.http_addr", args.http_addr.clone()),
        ("store.data_dir", args.data_dir.as_ref().map(text).or(demo)),
        ("store.database_url", args.database_url.clone()),
        ("store.database_pooler", args.database_pooler.clone()),
        ("store.database_commit", commit),
        ("store.tenant_buckets", args.tenant_buckets.map(|buckets| buckets.to_string())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect();
    Config::load(context.config_file.as_deref(), variables(), &flags)
        .map_err(|error| Failure::of_settings(Exit::Usage, error))
}

/// Loads the demonstration and says what to do with it.
async fn show(context: &Context, folder: &Path) -> Result<(), Failure> {
    let client = context.connect().await?;
    let began = Instant::now();
    match load::load(&client, today()).await? {
        0 => output::note("the cases of an earlier start are here; --fresh starts anew"),
        count => {
            let seconds = began.elapsed().as_secs_f64();
            output::note(&format!("{count} invented cases pushed and ranked in {seconds:.1} s"));
        }
    }
    let option = match context.server.as_str() {
        server if server == Client::default().server => String::new(),
        server => format!(" --server {server}"),
    };
    output::note(&format!("stop with Ctrl-C; to throw the data away, delete {}", folder.display()));
    output::note(&format!("next: arrears{option} worklist lease {WORK_LIST_ID}"));
    // The rest is up to whoever uses it.
    std::future::pending().await
}

/// Cancels when the process is told to stop.
fn stop_when_told(shutdown: CancellationToken) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        told_to_stop().await;
        shutdown.cancel();
    })
}

#[cfg(unix)]
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn told_to_stop() {
    let _ = tokio::signal::ctrl_c().await;
}
