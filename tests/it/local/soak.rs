//! Many deploys under constant load: no request fails, memory stays.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::machine::Machine;
use crate::support::app::App;

const DEPLOYS: u64 = 50;
/// After so many deploys everything that will ever be loaded is.
const WARM: u64 = 10;
/// How much more memory than when warm is still no leak, in KiB: allocators keep some.
const SLACK: u64 = 24 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_deploys_under_load_fail_no_request() {
    let (machine, app) = (Arc::new(Machine::new()), App::new("shop"));
    let url = machine.deploy(&app).await;
    let (answered, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let (machine, url) = (Arc::clone(&machine), url.clone());
            let (answered, stop) = (Arc::clone(&answered), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(machine.get(&url).await.expect(200), "hello\n");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut resident = Vec::new();
    for n in 0..DEPLOYS {
        app.write("static/index.html", format!("number {n}"));
        assert_eq!(machine.deploy(&app).await, url);
        resident.push(machine.resident());
    }
    stop.store(true, Ordering::Relaxed);
    for task in load {
        task.await.expect("no request failed");
    }
    let (warm, last) = (resident[WARM as usize], resident[resident.len() - 1]);
    println!("{} requests during {DEPLOYS} deploys, none failed", answered.load(Ordering::Relaxed));
    println!("resident after {WARM} deploys {warm} KiB, after {DEPLOYS} deploys {last} KiB");
    assert!(last <= warm + SLACK, "memory grows: {resident:?}");
    let releases = machine.record("shop")["releases"].as_array().unwrap().len();
    assert_eq!(releases, 10, "the last ten releases are kept");
}
