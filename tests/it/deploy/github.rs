//! What GitHub Actions read of runs at Hippo.

use super::{App, Program, Stack};
use crate::step::Step;
use crate::support::hippo::{JobStatus, Start};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_live_and_what_failed_is_told_to_github() {
    let (app, stack, step) = (App::new("shop"), Stack::start().await, Step::new());
    step.of(Program::deploying(&app, &stack)).run().await.expect(0);
    step.of(Program::deploying(&app, &stack).args(&["--no-wait"])).run().await.expect(0);
    step.of(Program::deploying(&app, &stack)).env("HIPPO_PASSWORD", "not-this-one").run().await.expect(4);
    insta::assert_snapshot!(step.read(), @r"
    before=1
    url=http://shop.hippo.localhost:PORT
    release=1.0.0+sTAG
    version=1.0.0+sTAG
    outcome=released
    url=http://shop.hippo.localhost:PORT
    release=1.0.0+sTAG
    version=1.0.0+sTAG
    outcome=unchanged
    url=
    release=
    version=
    outcome=unauthenticated
    # Before

    | app | target | outcome | release | version | URLs |
    |---|---|---|---|---|---|
    | shop | hippo | released | 1.0.0+sTAG | 1.0.0+sTAG | web <http://shop.hippo.localhost:PORT/> |

    | app | target | outcome | release | version | URLs |
    |---|---|---|---|---|---|
    | shop | hippo | unchanged | 1.0.0+sTAG | 1.0.0+sTAG | web <http://shop.hippo.localhost:PORT/> |

    | app | target | outcome | release | version | URLs |
    |---|---|---|---|---|---|
    | shop | hippo | unauthenticated |  |  |  |

    **Reason:** could not plan shop: look up app shop: Credentials are not valid: POST http://127.0.0.1:PORT/api/auth-tokens: it answered 400 Bad Request: Login failed.; Credentials are not valid.

    **Live now:** what was live before; nothing was released
    ");
    stack.hippo.set_start(Start::Crash(JobStatus::Pending));
    app.write("static/index.html", "second");
    step.of(Program::deploying(&app, &stack).args(&["--timeout", "1s"])).run().await.expect(9);
    let both = step.read();
    assert!(both.contains("\nurl=\nrelease=\nversion=\noutcome=outcome_unknown\n"), "{both}");
    assert!(both.contains("\n| shop | hippo | outcome\\_unknown |  |  |  |\n\n**Reason:** "), "{both}");
}
