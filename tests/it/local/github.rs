//! What GitHub Actions read of runs at this machine.

use super::machine::Machine;
use crate::program::Output;
use crate::step::Step;
use crate::support::app::App;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_live_and_what_failed_is_told_to_github() {
    let (machine, app, step) = (Machine::new(), App::new("shop"), Step::new());
    let run = async |args: &[&str]| -> Output { step.of(machine.program(app.path()).args(args)).run().await };
    run(&["--dry-run"]).await.expect(0);
    run(&["deploy"]).await.expect(0);
    run(&["deploy"]).await.expect(0);
    app.write("static/index.html", "second");
    run(&["--check", "/any=404", "--timeout", "5s", "--rollback-on-failure"]).await.expect(10);
    run(&["wait"]).await.expect(0);
    run(&["rollback", "2"]).await.expect(0);
    for others in [&["status"][..], &["releases"], &["plan"], &["destroy", "--yes"]] {
        run(others).await.expect(0);
    }
    run(&["wait"]).await.expect(7);
    insta::assert_snapshot!(step.read(), @r"
    before=1
    url=http://127.0.0.1:PORT
    release=1
    version=1.0.0+sTAG
    outcome=released
    url=http://127.0.0.1:PORT
    release=1
    version=1.0.0+sTAG
    outcome=unchanged
    url=
    release=
    version=
    outcome=restored
    url=http://127.0.0.1:PORT
    release=1
    version=1.0.0+sTAG
    outcome=live
    url=http://127.0.0.1:PORT
    release=2
    version=1.0.0+sTAG
    outcome=rolled_back
    url=
    release=
    version=
    outcome=release_refused
    # Before

    | app | target | outcome | release | version | URLs |
    |---|---|---|---|---|---|
    | shop | local | released | 1 | 1.0.0+sTAG | web <http://127.0.0.1:PORT/> |

    | app | target | outcome | release | version | URLs |
    |---|---|---|---|---|---|
    | shop | local | unchanged | 1 | 1.0.0+sTAG | web <http://127.0.0.1:PORT/> |

    | app | target | outcome | release | version | URLs |
    |---|---|---|---|---|---|
    | shop | local | restored |  |  |  |

    **Reason:** shop/1.0.0+sTAG answers, but its check did not hold within 5s; 1.0.0+sTAG was put back and answers: GET /any answered 200, not 404

    **Live now:** release 1 \(1.0.0+sTAG\) at http://127.0.0.1:PORT, which was put back and answers

    | app | target | outcome | release | version | URLs |
    |---|---|---|---|---|---|
    | shop | local | live | 1 | 1.0.0+sTAG | <http://127.0.0.1:PORT> |

    | app | target | outcome | release | version | URLs |
    |---|---|---|---|---|---|
    | shop | local | rolled\_back | 2 | 1.0.0+sTAG | <http://127.0.0.1:PORT> |

    | app | target | outcome | release | version | URLs |
    |---|---|---|---|---|---|
    | shop | local | release\_refused |  |  |  |

    **Reason:** there is no release of shop at local: find a release of shop: nothing was released

    **Live now:** nothing
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_github_cannot_be_told_is_a_warning() {
    let (machine, app) = (Machine::new(), App::new("shop"));
    let program = machine.program(app.path()).env("GITHUB_OUTPUT", "absent/output");
    let output = program.env("GITHUB_STEP_SUMMARY", ".").run().await.expect(0);
    assert!(output.stderr.contains("warning: the outputs of this step could not be written to absent/output"));
    assert!(output.stderr.contains("warning: the summary of this step could not be written to ."));
}
