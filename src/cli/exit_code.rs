//! Exit codes: part of the interface, documented in `docs/exit-codes.md`.

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// Live, or live already.
    Success,
    /// A bug.
    Unexpected,
    /// Usage or configuration.
    Usage,
    /// The application is invalid, or the target cannot run it; nothing was changed.
    InvalidApplication,
    /// A login is needed, ran out, or was refused.
    Unauthenticated,
    /// Network, TLS, protocol.
    Unreachable,
    /// Nothing was released; run again to resume.
    UploadFailed,
    /// The target refused the release.
    ReleaseRefused,
    /// Released, but it failed.
    ReleaseFailed,
    /// Released, outcome unknown.
    OutcomeUnknown,
    /// It failed, and the previous release was put back.
    RolledBack,
    /// Someone else changed it, or this version exists with other content.
    Conflict,
    /// There is something to do (`plan --exit-code`).
    Changes,
    /// Ctrl-C and its kin.
    Cancelled,
}

impl ExitCode {
    /// All of them.
    pub const ALL: &[ExitCode] = &[
        ExitCode::Success,
        ExitCode::Unexpected,
        ExitCode::Usage,
        ExitCode::InvalidApplication,
        ExitCode::Unauthenticated,
        ExitCode::Unreachable,
        ExitCode::UploadFailed,
        ExitCode::ReleaseRefused,
        ExitCode::ReleaseFailed,
        ExitCode::OutcomeUnknown,
        ExitCode::RolledBack,
        ExitCode::Conflict,
        ExitCode::Changes,
        ExitCode::Cancelled,
    ];

    /// What the process exits with.
    pub fn number(self) -> u8 {
        match self {
            ExitCode::Success => 0,
            ExitCode::Unexpected => 1,
            ExitCode::Usage => 2,
            ExitCode::InvalidApplication => 3,
            ExitCode::Unauthenticated => 4,
            ExitCode::Unreachable => 5,
            ExitCode::UploadFailed => 6,
            ExitCode::ReleaseRefused => 7,
            ExitCode::ReleaseFailed => 8,
            ExitCode::OutcomeUnknown => 9,
            ExitCode::RolledBack => 10,
            ExitCode::Conflict => 11,
            ExitCode::Changes => 20,
            ExitCode::Cancelled => 130,
        }
    }

    /// What it means, in a line.
    pub fn meaning(self) -> &'static str {
        match self {
            ExitCode::Success => "live, or live already; what was asked for was done",
            ExitCode::Unexpected => "a bug",
            ExitCode::Usage => "usage or configuration",
            ExitCode::InvalidApplication => {
                "the application is invalid, or the target cannot run it; nothing was changed"
            }
            ExitCode::Unauthenticated => "a login is needed, ran out, or was refused",
            ExitCode::Unreachable => "the target cannot be reached: network, TLS, protocol",
            ExitCode::UploadFailed => "the upload failed; nothing was released: run it again",
            ExitCode::ReleaseRefused => "the target refused, or what was named is not there",
            ExitCode::ReleaseFailed => "released, but it failed",
            ExitCode::OutcomeUnknown => "released, outcome unknown: run it again",
            ExitCode::RolledBack => "it failed, and the previous release was put back",
            ExitCode::Conflict => "somebody else changed it, or this version exists with other content",
            ExitCode::Changes => "there is something to do (plan --exit-code)",
            ExitCode::Cancelled => "stopped by Ctrl-C, SIGTERM or SIGHUP: run it again",
        }
    }

    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            ExitCode::Success => "success",
            ExitCode::Unexpected => "unexpected",
            ExitCode::Usage => "usage",
            ExitCode::InvalidApplication => "invalid_application",
            ExitCode::Unauthenticated => "unauthenticated",
            ExitCode::Unreachable => "unreachable",
            ExitCode::UploadFailed => "upload_failed",
            ExitCode::ReleaseRefused => "release_refused",
            ExitCode::ReleaseFailed => "release_failed",
            ExitCode::OutcomeUnknown => "outcome_unknown",
            ExitCode::RolledBack => "rolled_back",
            ExitCode::Conflict => "conflict",
            ExitCode::Changes => "changes",
            ExitCode::Cancelled => "cancelled",
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        code.number().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_a_row_for_every_code() {
        let documentation = include_str!("../../docs/exit-codes.md");
        for code in ExitCode::ALL {
            let row = format!("| {} | `{}` |", code.number(), code.name());
            assert!(documentation.contains(&row), "there is no row that begins with: {row}");
        }
    }
}
