//! Facts that were seen on a real Hippo and stand in no recording.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{World, shop};
use crate::support::hippo::{ChannelSeed, Claims, Guid, Mode};

impl World {
    /// An app with two range-rule channels that run `shop/1.0.0`.
    async fn with_two_followers(&self) -> [Guid; 2] {
        self.bindle.put(shop("1.0.0"));
        let app = self.hippo.seed_app("shop", "shop");
        let revision = self.hippo.seed_revision(app, "1.0.0");
        ["one", "two"].map(|name| {
            let seed = ChannelSeed::new(app, name, &format!("{name}.hippo.localhost"));
            self.hippo.seed_channel(seed.following("*", Some(revision)))
        })
    }

    async fn register(&self, number: &str) -> u16 {
        self.call("POST", "/api/revisions", json!({ "appStorageId": "shop", "revisionNumber": number })).await.0
    }

    fn jobs(&self) -> usize {
        self.hippo.jobs_posted().len()
    }
}

#[tokio::test]
async fn two_followers_cannot_take_a_number_that_is_there() {
    let world = World::start().await;
    let channels = world.with_two_followers().await;
    assert_eq!((world.register("1.0.0").await, world.jobs(), world.hippo.revisions().len()), (500, 1, 2));
    let first = world.hippo.revisions()[0].id;
    let kept =
        channels.iter().filter(|id| world.hippo.channel(**id).is_some_and(|row| row.active_revision == Some(first)));
    assert_eq!(kept.count(), 1);
}

#[tokio::test]
async fn two_followers_both_take_a_new_number() {
    let world = World::start().await;
    let channels = world.with_two_followers().await;
    world.bindle.put(shop("1.1.0"));
    assert_eq!((world.register("1.1.0").await, world.jobs()), (201, 2));
    assert!(channels.iter().all(|channel| world.hippo.running(*channel).as_deref() == Some("shop/1.1.0")));
}

#[tokio::test]
async fn a_variable_that_is_there_twice_stops_the_job() {
    let world = World::start().await;
    let (_, channel) = world.with_running_channel().await;
    let path = format!("/api/channels/{channel}");
    let twice = json!({ "environmentVariables": [{ "key": "A", "value": "1" }, { "key": "A", "value": "2" }] });
    assert_eq!(world.call("PATCH", &path, twice).await.0, 204);
    let wish = json!({ "channelId": channel.to_string(), "desiredStatus": "Running" });
    assert_eq!((world.call("PUT", &format!("{path}/desired-status"), wish).await.0, world.jobs()), (500, 1));
    let row = world.hippo.channel(channel).expect("it is seeded");
    let update = json!({
        "id": channel.to_string(),
        "name": row.name,
        "domain": row.domain,
        "revisionSelectionStrategy": "UseSpecifiedRevision",
        "activeRevisionId": row.active_revision.map(|id| id.to_string()),
    });
    assert_eq!((world.call("PUT", &path, update).await.0, world.jobs()), (500, 2));
    let follow = json!({ "revisionSelectionStrategy": "UseRangeRule", "rangeRule": "*" });
    assert_eq!(world.call("PATCH", &path, follow).await.0, 204);
    world.bindle.put(shop("1.1.0"));
    assert_eq!((world.register("1.1.0").await, world.jobs()), (500, 2));
    let newest = world.hippo.revisions().last().map(|revision| revision.id);
    assert_eq!(world.hippo.channel(channel).and_then(|row| row.active_revision), newest);
}

#[tokio::test]
async fn an_error_while_the_model_state_is_spoilt_is_a_misleading_400() {
    let world = World::start().await;
    let errors = |(status, body): (u16, String)| {
        let body: Value = serde_json::from_str(&body).expect("problems are JSON");
        (status, body["errors"].as_object().map(|errors| errors.keys().cloned().collect::<Vec<_>>()))
    };
    let spoilt = |name: &str| (400, Some(vec![name.to_owned()]));
    assert_eq!(errors(world.call("GET", "/api/apps?pageSize=x&sortBy=y", Value::Null).await), spoilt("pageSize"));
    world.hippo.fail_nomad(Mode::Down, 0);
    assert_eq!(errors(world.call("GET", "/api/channels/x/logs", Value::Null).await), spoilt("id"));
    world.bindle.put(shop("1.0.0"));
    world.bindle.gate().set(Mode::Answers(500), 1);
    let blank = json!({ "name": "", "storageId": "shop" });
    assert_eq!(errors(world.call("POST", "/api/apps", blank).await), spoilt("Name"));
}

#[tokio::test]
async fn a_token_of_a_user_who_is_gone_makes_everything_a_500() {
    let mut world = World::start().await;
    let expires = Timestamp::now() + SignedDuration::from_mins(10);
    world.token = world.hippo.issuer().issue(&Claims { user: Guid::ZERO, id: Guid::ZERO, expires });
    let credentials = json!({ "userName": "dana", "password": "password" });
    for (method, path, body) in [
        ("GET", "/api/apps", Value::Null),
        ("POST", "/api/auth-tokens", credentials.clone()),
        ("POST", "/api/accounts", json!({ "userName": "eve", "password": "password" })),
    ] {
        assert_eq!(world.call(method, path, body).await.0, 500, "{path}");
    }
    world.token = "an.expired.one".to_owned();
    assert_eq!(world.call("POST", "/api/auth-tokens", credentials).await.0, 200);
}

#[tokio::test]
async fn deleting_an_app_whose_revision_runs_elsewhere_leaves_it_without_jobs() {
    let world = World::start().await;
    let (app, channel) = world.with_running_channel().await;
    let revision = world.hippo.revisions()[0].id;
    let other = world.hippo.seed_app("other", "other");
    let elsewhere = world.hippo.seed_channel(ChannelSeed::new(other, "x", "x.hippo.localhost").pinned(revision));
    assert_eq!(world.call("DELETE", &format!("/api/apps/{app}"), Value::Null).await.0, 500);
    assert_eq!((world.hippo.running(channel), world.hippo.apps().len()), (None, 2));
    assert_eq!(world.call("DELETE", &format!("/api/revisions/{revision}"), Value::Null).await.0, 500);
    assert_eq!(world.call("DELETE", &format!("/api/channels/{elsewhere}"), Value::Null).await.0, 204);
    assert_eq!(world.call("DELETE", &format!("/api/apps/{app}"), Value::Null).await.0, 204);
    assert!(world.hippo.channels().is_empty());
}

#[tokio::test]
async fn desired_statuses_that_nobody_declared_post_one_job() {
    let world = World::start().await;
    let (_, channel) = world.with_running_channel().await;
    for (number, jobs) in [(0, 2), (9, 3)] {
        let wish = json!({ "channelId": channel.to_string(), "desiredStatus": number });
        let path = format!("/api/channels/{channel}/desired-status");
        assert_eq!((world.call("PUT", &path, wish).await.0, world.jobs()), (204, jobs));
    }
}

#[tokio::test]
async fn references_to_nothing_are_a_500_in_put_and_versions_are_refused_before_tokens() {
    let world = World::start().await;
    let (_, channel) = world.with_running_channel().await;
    let path = format!("/api/channels/{channel}");
    let update = json!({
        "id": channel.to_string(),
        "name": "spin-deploy",
        "domain": "shop.hippo.localhost",
        "activeRevisionId": Guid::ZERO.to_string(),
    });
    assert_eq!(world.call("PUT", &path, update).await.0, 500);
    let url = format!("{}/api/apps", world.hippo.url());
    for (version, status) in [("9.9", 400), ("1", 400), ("0.10", 400), ("x", 401), ("", 401)] {
        let answer = world.http.get(&url).header("api-version", version).send().await.expect("the fake answers");
        assert_eq!(answer.status().as_u16(), status, "{version}");
    }
}

#[tokio::test]
async fn an_account_is_bare_text_unless_only_json_is_accepted() {
    let world = World::start().await;
    let url = format!("{}/api/accounts", world.hippo.url());
    for (name, accept, quoted) in
        [("a", "application/json", true), ("b", "application/json, */*", false), ("c", "*/*", false)]
    {
        let body = json!({ "userName": name, "password": "password" });
        let answer = world.http.post(&url).header("accept", accept).json(&body).send().await.expect("the fake answers");
        let text = answer.text().await.expect("bodies are whole");
        assert_eq!(text.starts_with('"'), quoted, "{accept}: {text}");
    }
}
