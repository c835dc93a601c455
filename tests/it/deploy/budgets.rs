//! How much is sent: the budgets of `docs/performance.md`, by count.

use std::time::{Duration, Instant};

use super::{App, Program, Stack, assert_live, deploy, parcels, version};

#[tokio::test(flavor = "multi_thread")]
async fn a_first_deploy_then_nothing_to_do_then_one_file() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    for number in 0..20 {
        app.write(&format!("static/{number}.txt"), format!("file {number}"));
    }

    let first = deploy(&app, &stack).await;
    let sent = stack.sent();
    let count = crate::support::package(&app).blobs.len();
    assert_eq!(count, 23, "manifest, module, index, 20 files");
    assert_eq!(parcels(&sent).len(), count);
    println!("first deploy: {} requests, {count} of them parcels", sent.len());
    assert!(sent.len() <= count + 12, "{} requests: {sent:#?}", sent.len());
    assert_live(&app, &stack);
    assert_eq!(first.stdout, format!("{}\n", stack.hippo.app_url("shop.hippo.localhost")));

    let second = deploy(&app, &stack).await;
    let sent = stack.sent();
    // The fourth request of the budget is the look at the running application.
    println!("nothing changed: {} requests, and a look at the application", sent.len());
    assert!(sent.len() <= 3, "{} requests: {sent:#?}", sent.len());
    assert_eq!(parcels(&sent).len(), 0);
    assert_eq!(second.stdout, first.stdout);
    assert!(second.stderr.contains("nothing to do"), "{}", second.stderr);
    assert_live(&app, &stack);

    app.write("static/7.txt", "changed");
    let third = deploy(&app, &stack).await;
    let sent = stack.sent();
    // The group of files has the same name as before: the manifest parcel is the same.
    assert_eq!(parcels(&sent).len(), 1, "{sent:#?}");
    assert_eq!(parcels(&sent)[0].bytes, "changed".len() as u64);
    println!("one file changed: {} requests", sent.len());
    assert!(sent.len() <= 1 + 10, "{} requests: {sent:#?}", sent.len());
    assert_eq!(third.stdout, first.stdout);
    assert_live(&app, &stack);

    app.version("1.1.0");
    deploy(&app, &stack).await;
    let sent = stack.sent();
    assert_eq!(parcels(&sent).len(), 0, "content that is there already is not sent again: {sent:#?}");
    println!("version raised: {} requests", sent.len());
    assert!(sent.len() <= 10, "{} requests: {sent:#?}", sent.len());
    assert!(version(&app).starts_with("1.1.0+s"));
    assert_live(&app, &stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_before_every_refusal_is_told() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    app.write(
        "spin.toml",
        r#"spin_manifest_version = 2
[application]
name = "shop"
version = "1.0.0"
[[trigger.http]]
route = "/:id"
component = "web"
[[trigger.redis]]
channel = "c"
component = "web"
[component.web]
source = "web.wasm"
sqlite_databases = ["default"]
"#,
    );
    let output = Program::deploying(&app, &stack).run().await.expect(3);
    for code in ["E1", "E4", "E11"] {
        assert!(output.stderr.contains(code), "{code} is not in:\n{}", output.stderr);
    }
    assert_eq!(stack.sent(), []);
    assert_eq!(output.stdout, "");
}

/// Large enough that a copy in memory would show; the rest of a gigabyte would only take longer.
const LARGE: u64 = 256 * 1024 * 1024;
/// Peak of resident memory besides the program itself, in KiB.
const MEMORY: u64 = 24 * 1024;

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_small_whatever_the_size_of_a_file() {
    let (app, stack) = (App::new("shop"), Stack::start().await);
    let large = std::fs::File::create(app.path().join("static/large.bin")).expect("it can be made");
    large.set_len(LARGE).expect("a sparse file takes no room");
    // Past the relay, which keeps bodies in memory.
    let running = Program::deploying(&app, &stack).env("BINDLE_SERVER_URL", stack.bindle.url()).start();
    let status = format!("/proc/{}/status", running.pid());
    let peak = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let seen = peak.clone();
    // The hook is called at each request to Hippo; the last ones come after the upload.
    stack.traffic.at_each(move || {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let kib = |name: &str| -> Option<u64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches(" kB").parse().ok()
        };
        // The pages of the program's own file are not counted: unoptimised, they are four times those of a release.
        let Some((peak, own)) = kib("VmHWM:").zip(kib("RssFile:")) else { return };
        seen.fetch_max(peak.saturating_sub(own), std::sync::atomic::Ordering::Relaxed);
    });
    running.end().await.expect(0);
    assert_live(&app, &stack);
    let peak = peak.load(std::sync::atomic::Ordering::Relaxed);
    println!("a file of {LARGE} bytes: {peak} KiB resident at most");
    assert!((1..=MEMORY).contains(&peak), "{peak} KiB resident");
}

/// The budget is that of the program which people install; what tests run is not optimised, and takes some times as long.
const HELP: Duration = Duration::from_millis(if cfg!(debug_assertions) { 40 } else { 10 });

#[test]
fn help_is_there_at_once() {
    let best = (0..50).map(|_| {
        let begun = Instant::now();
        let help = std::process::Command::new(env!("CARGO_BIN_EXE_spin-deploy")).arg("--help").output();
        assert!(help.expect("the program was built").status.success());
        begun.elapsed()
    });
    // The best of many: other tests keep the machine busy.
    let best = best.min().expect("it ran");
    println!("help after {best:?}");
    assert!(best <= HELP, "{best:?}");
}
