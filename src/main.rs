use std::process::ExitCode;

use spin_deploy::settings::env::Environment;
use spin_deploy::ui::Streams;

fn main() -> ExitCode {
    spin_deploy::run(std::env::args_os().collect(), Environment::of_process(), Streams::of_process())
}
