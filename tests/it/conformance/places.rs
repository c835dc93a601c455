//! The drivers under test and their places.

use async_trait::async_trait;
use spin_deploy::auth::{Credential, Login, Secret};
use spin_deploy::target::{AppName, Target};
use spin_deploy::targets::{self, hippo};

use super::Place;
use crate::support::memory::Memory;
use crate::support::stack::Stack;

/// Every driver, and the one in memory.
pub const DRIVERS: &[&str] = &["memory", "hippo"];

/// A fresh place of that driver.
pub async fn open(driver: &str) -> Box<dyn Place> {
    match driver {
        "memory" => Box::new(InMemory(Memory::new())),
        "hippo" => Box::new(OnHippo(Stack::start().await)),
        other => panic!("no place for {other}"),
    }
}

#[test]
fn every_driver_is_under_test() {
    for driver in targets::DRIVERS {
        assert!(DRIVERS.contains(&driver.kind), "{} has no place in the conformance suite", driver.kind);
    }
}

struct InMemory(Memory);

#[async_trait]
impl Place for InMemory {
    fn target(&self) -> Box<dyn Target> {
        Box::new(self.0.clone())
    }

    async fn running(&self, app: &AppName) -> Option<String> {
        self.0.place().running.get(&app.0).cloned()
    }

    async fn contents(&self) -> String {
        let place = self.0.place();
        format!("{:?} {:?}", place.stored, place.running)
    }
}

struct OnHippo(Stack);

#[async_trait]
impl Place for OnHippo {
    fn target(&self) -> Box<dyn Target> {
        connect_hippo(&self.0)
    }

    async fn running(&self, app: &AppName) -> Option<String> {
        self.0.running(&app.0)
    }

    async fn contents(&self) -> String {
        self.0.contents()
    }
}

/// A handle to a stack.
pub fn connect_hippo(stack: &Stack) -> Box<dyn Target> {
    let password = Login { username: "admin".to_owned(), password: Secret::new("secret-password") };
    let config = targets::Config {
        hippo: hippo::Config {
            url: Some(stack.hippo.url().parse().expect("the fake's URL is one")),
            credential: Some(Credential::Password(password)),
            bindle_url: Some(stack.bindle.url().parse().expect("the server's URL is one")),
            channel: "spin-deploy".to_owned(),
            app_url: Some(stack.app_url_template()),
            ..hippo::Config::default()
        },
        ..targets::Config::default()
    };
    hippo::connect(&config).expect("nothing is missing")
}
