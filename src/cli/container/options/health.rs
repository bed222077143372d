//! How a container's health is found out.

use std::time::Duration;

use crate::base::{Error, Kind, Result, duration};
use crate::compose::Service;
use crate::compose::model::Healthcheck;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Health")]
pub struct Health {
    /// A command whose exit code says whether it is healthy
    #[arg(long, value_name = "COMMAND")]
    health_cmd: Option<String>,

    /// Time between two checks [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    health_interval: Option<Duration>,

    /// How long a check may take [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    health_timeout: Option<Duration>,

    /// How many failures in a row make it unhealthy [default: 3]
    #[arg(long, value_name = "NUMBER")]
    health_retries: Option<u64>,

    /// How long failures do not count at the start [default: 0s]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    health_start_period: Option<Duration>,

    /// Time between two checks in that period [default: 5s]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    health_start_interval: Option<Duration>,

    /// Without the image's check
    #[arg(long)]
    no_healthcheck: bool,
}

impl Health {
    pub fn apply(&self, service: &mut Service) -> Result<()> {
        let check = Healthcheck {
            test: match &self.health_cmd {
                Some(command) => vec!["CMD-SHELL".to_owned(), command.clone()],
                None => Vec::new(),
            },
            timeout: self.health_timeout,
            interval: self.health_interval,
            retries: self.health_retries,
            start_period: self.health_start_period,
            start_interval: self.health_start_interval,
            disable: self.no_healthcheck,
            ..Healthcheck::default()
        };
        let asked = Healthcheck { disable: false, ..check.clone() } != Healthcheck::default();
        if self.no_healthcheck && asked {
            let message = "--no-healthcheck conflicts with --health-* options";
            return Err(Error::new(Kind::Invalid, message));
        }
        service.healthcheck = (asked || self.no_healthcheck).then_some(check);
        Ok(())
    }
}
