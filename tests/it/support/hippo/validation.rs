//! What Hippo's validators say, word for word and in their order.
//!
//! Facts: `deislabs/hippo src/Application/**/*Validator.cs@v0.20.2`, the transcripts
//! `app-validation`, `channel-validation` and `accounts-and-tokens`.

use super::{
    bindle_client::BindleClient,
    command::Command,
    guid::Guid,
    problem::{Failure, Messages, complain},
    state::{State, USE_RANGE_RULE, USE_SPECIFIED_REVISION},
};

/// One member under validation: its name, its text and the complaints so far.
struct Rules<'a> {
    member: &'static str,
    text: Option<&'a str>,
    complaints: Vec<String>,
}

impl<'a> Rules<'a> {
    fn of(member: &'static str, text: Option<&'a str>) -> Self {
        Self { member, text, complaints: Vec::new() }
    }

    fn must(mut self, holds: bool, message: &str) -> Self {
        if !holds {
            self.complaints.push(message.to_owned());
        }
        self
    }

    /// Only whitespace is empty too.
    fn not_empty(self, message: &str) -> Self {
        let holds = self.text.is_some_and(|text| !text.trim().is_empty());
        self.must(holds, message)
    }

    fn at_most(self, limit: usize) -> Self {
        let length = self.text.map_or(0, |text| text.encode_utf16().count());
        let name = spaced(self.member);
        let entered = format!("You entered {length} characters.");
        self.must(length <= limit, &format!("The length of '{name}' must be {limit} characters or fewer. {entered}"))
    }

    fn matches(self, fits: impl Fn(&str) -> bool) -> Self {
        let message = format!("'{}' is not in the correct format.", spaced(self.member));
        let holds = self.text.is_none_or(|text| fits(text.strip_suffix('\n').unwrap_or(text)));
        self.must(holds, &message)
    }

    fn into(self, messages: &mut Messages) {
        for complaint in self.complaints {
            complain(messages, self.member, complaint);
        }
    }
}

/// `AppStorageId` as FluentValidation shows it: `App Storage Id`.
fn spaced(member: &str) -> String {
    let mut spaced = String::new();
    for char in member.chars() {
        if char.is_ascii_uppercase() && !spaced.is_empty() {
            spaced.push(' ');
        }
        spaced.push(char);
    }
    spaced
}

fn only(extra: &'static str) -> impl Fn(&str) -> bool {
    move |text| text.chars().all(|char| char.is_ascii_alphanumeric() || extra.contains(char))
}

/// `^([a-z0-9]+(-[a-z0-9]+)*\.)+[a-z]{2,}$`
pub fn is_domain(text: &str) -> bool {
    let Some((labels, top)) = text.rsplit_once('.') else { return false };
    let is_run =
        |run: &str| !run.is_empty() && run.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit());
    let top_fits = top.len() >= 2 && top.chars().all(|char| char.is_ascii_lowercase());
    top_fits && labels.split('.').all(|label| label.split('-').all(is_run))
}

/// POST /api/accounts.
pub fn create_account(state: &State, command: &Command) -> Messages {
    let mut messages = Messages::new();
    let name = command.text("userName");
    let taken = name.is_some_and(|name| state.user_named(name).is_some());
    Rules::of("UserName", name)
        .not_empty("The username cannot be empty")
        .must(name.is_none_or(|name| name.len() <= 64), "The username cannot be longer than 64 characters")
        .must(name.is_none_or(only("-_")), "The username cannot contain special characters")
        .must(!taken, "The specified username already exists.")
        .into(&mut messages);
    let password = command.text("password");
    let long = password.is_some_and(|password| password.len() >= 6);
    Rules::of("Password", password)
        .not_empty("The password cannot be empty")
        .must(long, "The password must be at least 6 characters long")
        .into(&mut messages);
    messages
}

/// The name of an app, new or renamed; a rename collides with itself.
pub fn app_name(state: &State, command: &Command) -> Messages {
    let mut messages = Messages::new();
    let name = command.text("name");
    let taken = name.is_some_and(|name| state.apps.iter().any(|app| app.name == name));
    Rules::of("Name", name)
        .not_empty("Name is required.")
        .at_most(128)
        .matches(only("-_"))
        .must(!taken, "The specified name already exists.")
        .into(&mut messages);
    messages
}

/// The storage id of a new app; Bindle is asked whether it is there.
pub async fn storage_id(bindle: &BindleClient, command: &Command) -> Result<Messages, Failure> {
    let mut messages = Messages::new();
    let storage = command.text("storageId");
    let found = bindle.query(storage.unwrap_or_default(), Some(0)).await?;
    Rules::of("StorageId", storage)
        .not_empty("Storage ID is required.")
        .must(found.iter().any(|found| Some(found.name.as_str()) == storage), "Storage ID not found in bindle server")
        .at_most(200)
        .matches(only("-_./"))
        .into(&mut messages);
    Ok(messages)
}

/// POST /api/revisions; a dot in the storage id is refused here only.
pub fn register_revision(command: &Command) -> Messages {
    let mut messages = Messages::new();
    Rules::of("AppStorageId", command.text("appStorageId"))
        .not_empty("Storage ID is required.")
        .at_most(200)
        .matches(only("-_/"))
        .into(&mut messages);
    Rules::of("RevisionNumber", command.text("revisionNumber"))
        .not_empty("'Revision Number' must not be empty.")
        .at_most(128)
        .into(&mut messages);
    messages
}

/// POST /api/channels.
pub fn create_channel(state: &State, command: &Command) -> Messages {
    let mut messages = Messages::new();
    channel_name(state, command.text("name"), command.id("appId"), None, &mut messages);
    let domain = command.text("domain");
    Rules::of("Domain", domain)
        .must(domain != Some(""), "Domain cannot be an empty string.")
        .matches(is_domain)
        .must(!is_domain_taken(state, domain, None), "The specified domain already exists.")
        .into(&mut messages);
    range_rule(command.text("rangeRule"), &mut messages);
    let paired = match command.number("revisionSelectionStrategy") {
        USE_RANGE_RULE => command.optional_id("activeRevisionId").is_none(),
        USE_SPECIFIED_REVISION => command.optional_id("activeRevisionId").is_some(),
        _ => false,
    };
    Rules::of("RevisionSelectionStrategy", None)
        .must(paired, "ActiveRevisionId and the specified ChannelRevisionSelectionStrategy do not match up.")
        .into(&mut messages);
    messages
}

/// PUT /api/channels/{id}, and the same done inside when a revision is registered. An unknown channel is a 404.
pub fn update_channel(state: &State, update: &ChannelUpdate) -> Result<Messages, Failure> {
    let mut messages = Messages::new();
    let channel = state.channel(update.id).ok_or_else(|| Failure::missing("Channel", update.id))?;
    channel_name(state, update.name.as_deref(), channel.app_id, Some(update.id), &mut messages);
    let domain = update.domain.as_deref();
    Rules::of("Domain", domain)
        .not_empty("Domain is required.")
        .matches(is_domain)
        .must(!is_domain_taken(state, domain, Some(update.id)), "The specified domain already exists.")
        .into(&mut messages);
    range_rule(update.range_rule.as_deref(), &mut messages);
    Ok(messages)
}

/// All that an update of a channel replaces.
#[derive(Clone, Debug)]
pub struct ChannelUpdate {
    pub id: Guid,
    pub name: Option<String>,
    pub domain: Option<String>,
    pub strategy: i64,
    pub range_rule: Option<String>,
    pub active_revision: Option<Guid>,
    pub certificate: Option<Guid>,
}

impl ChannelUpdate {
    /// The update that a body asks for.
    pub fn from_command(command: &Command) -> Self {
        let text = |member: &str| command.text(member).map(str::to_owned);
        Self {
            id: command.id("id"),
            name: text("name"),
            domain: text("domain"),
            strategy: command.number("revisionSelectionStrategy"),
            range_rule: text("rangeRule"),
            active_revision: command.optional_id("activeRevisionId"),
            certificate: command.optional_id("certificateId"),
        }
    }
}

fn channel_name(state: &State, name: Option<&str>, app_id: Guid, itself: Option<Guid>, messages: &mut Messages) {
    let mut others = state.channels_of(app_id).filter(|channel| Some(channel.id) != itself);
    let taken = name.is_some_and(|name| others.any(|channel| channel.name == name));
    Rules::of("Name", name)
        .not_empty("Name is required.")
        .at_most(64)
        .matches(only("-_"))
        .must(!taken, "A channel with the same name already exists for this app.")
        .into(messages);
}

fn is_domain_taken(state: &State, domain: Option<&str>, itself: Option<Guid>) -> bool {
    let mut others = state.channels.iter().filter(|channel| Some(channel.id) != itself);
    others.any(|channel| Some(channel.domain.as_str()) == domain)
}

fn range_rule(rule: Option<&str>, messages: &mut Messages) {
    Rules::of("RangeRule", rule).must(rule != Some(""), "Range rule cannot be an empty string.").into(messages);
}

/// POST and PUT /api/certificates; a PUT collides with itself.
pub fn certificate(state: &State, command: &Command) -> Messages {
    let mut messages = Messages::new();
    let name = command.text("name");
    let taken = name.is_some_and(|name| state.certificates.iter().any(|certificate| certificate.name == name));
    Rules::of("Name", name)
        .not_empty("Name is required.")
        .at_most(64)
        .matches(only("-_"))
        .must(!taken, "A certificate with the same name already exists.")
        .into(&mut messages);
    Rules::of("PublicKey", command.text("publicKey")).not_empty("Public key is required.").into(&mut messages);
    Rules::of("PrivateKey", command.text("privateKey")).not_empty("Private key is required.").into(&mut messages);
    messages
}
