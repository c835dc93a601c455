//! The behaviour that every driver has to show: part of the definition of [`spin_deploy::target::Target`].
//!
//! A driver joins with one line in [`drivers`]: a [`Place`] that makes targets and can say, from outside, what runs.

mod after;
mod checks;
mod places;

pub use places::connect_hippo;

use std::panic::AssertUnwindSafe;

use async_trait::async_trait;
use futures_util::FutureExt;
use spin_deploy::package::Package;
use spin_deploy::target::{AppName, Target};

/// A fresh, empty place to deploy to, seen from outside.
#[async_trait]
pub trait Place: Send + Sync {
    /// A new handle, as a new process would make it.
    fn target(&self) -> Box<dyn Target>;

    /// The version that really runs for an application: the truth, not what the target says.
    async fn running(&self, app: &AppName) -> Option<String>;

    /// Everything that is stored at the place, to be compared: reading must not change it.
    async fn contents(&self) -> String;

    /// Lets the application write lines.
    async fn write_log(&self, app: &AppName, lines: &[&str]);

    /// Takes a package away behind the target's back; `None`: that cannot happen here.
    async fn lose(&self, package: &Package) -> Option<()>;

    /// What the driver's format makes of an application.
    fn package(&self, app: &crate::support::app::App) -> Package {
        crate::support::package_as(app, &self.target().capabilities().format)
    }
}

/// What a check came to.
trait Verdict {
    /// In the table.
    fn word(self) -> &'static str;
}

impl Verdict for () {
    fn word(self) -> &'static str {
        "ok"
    }
}

/// `None`: the driver does not have the power that is checked, which `places::POWERS` has to know.
impl Verdict for Option<()> {
    fn word(self) -> &'static str {
        self.map_or("-", Verdict::word)
    }
}

/// Every driver, every check, and the table that says so (`cargo test conformance -- --nocapture`).
macro_rules! conformance {
    ($($file:ident::$check:ident),+ $(,)?) => {
        #[tokio::test]
        async fn conformance() {
            let mut failed = Vec::new();
            println!("{:<68}{}", "check", places::DRIVERS.join("  "));
            $(
                let mut row = format!("{:<68}", stringify!($check));
                for driver in places::DRIVERS {
                    let place = places::open(driver).await;
                    let check = AssertUnwindSafe($file::$check(place.as_ref()));
                    let verdict = match check.catch_unwind().await {
                        Ok(verdict) => verdict.word(),
                        Err(_) => {
                            failed.push(concat!(stringify!($check), " on ").to_owned() + driver);
                            "FAILED"
                        }
                    };
                    row += &format!("{verdict:<width$}", width = driver.len() + 2);
                }
                println!("{}", row.trim_end());
            )+
            assert!(failed.is_empty(), "{}", failed.join(", "));
        }
    };
}

conformance! {
    checks::info_and_capabilities_are_plain_data,
    checks::check_says_that_the_place_is_there,
    checks::planning_changes_nothing,
    checks::an_empty_place_has_only_things_to_create,
    checks::publishing_releases_nothing,
    checks::publishing_again_sends_nothing,
    checks::a_release_runs_and_answers,
    checks::what_was_planned_is_what_is_applied,
    checks::a_second_deploy_plans_only_keep,
    checks::releasing_again_changes_nothing_that_runs,
    checks::a_new_version_takes_over,
    checks::an_older_version_can_be_released_again,
    checks::only_changed_files_are_sent,
    checks::applications_do_not_touch_each_other,
    checks::an_unknown_application_is_absent,
    checks::a_cancelled_run_does_nothing,
    checks::releases_are_remembered_newest_first,
    checks::rollback_makes_an_earlier_release_run,
    checks::rolling_back_again_changes_nothing,
    checks::an_unknown_release_is_not_found,
    checks::destroy_removes_the_application,
    checks::destroying_again_is_no_error,
    checks::logs_are_readable,
    after::a_log_is_told_once_while_it_grows,
    after::the_log_of_what_is_not_there_is_not_found,
    after::a_full_look_names_the_release,
    after::what_is_doomed_is_what_is_removed,
    after::one_channel_goes_alone_where_there_are_channels,
    after::a_cancelled_removal_does_nothing,
    after::nobody_goes_back_to_a_package_that_is_gone,
    after::a_package_that_was_got_back_goes_elsewhere_as_it_is,
    after::a_registry_says_what_it_lacks,
    after::what_is_foreseen_is_what_a_deployment_says_that_it_did,
    after::what_is_foreseen_for_a_channel_that_was_removed_is_what_is_done,
    after::an_application_that_was_removed_can_be_told_from_one_that_fails,
}

/// What a target has besides deploying.
fn powers(target: &dyn Target) -> Vec<&'static str> {
    let has = [
        ("logs", target.logs().is_some()),
        ("history", target.history().is_some()),
        ("removal", target.removal().is_some()),
        ("retrieval", target.retrieval().is_some()),
    ];
    has.into_iter().filter(|(_, has)| *has).map(|(power, _)| power).collect()
}

#[tokio::test]
async fn every_driver_has_the_powers_that_are_expected_of_it() {
    for (driver, expected) in places::POWERS {
        assert_eq!(powers(places::open(driver).await.target().as_ref()), *expected, "{driver}");
    }
    let drivers: Vec<_> = places::POWERS.iter().map(|(driver, _)| *driver).collect();
    assert_eq!(drivers, places::DRIVERS);
}

/// What `targets` and `doctor` tell of a driver is what the driver's own target has.
#[tokio::test]
async fn drivers_say_the_truth_about_their_powers() {
    for driver in spin_deploy::targets::DRIVERS {
        let target = places::open(driver.kind).await.target();
        let accounts = driver.accounts.map(|_| "accounts");
        let has: Vec<&str> = accounts.into_iter().chain(powers(target.as_ref())).collect();
        assert_eq!(driver.powers, has, "{}", driver.kind);
    }
}
