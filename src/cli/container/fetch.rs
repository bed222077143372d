//! Fetching the image of a new container, told on standard error in Docker's words.

use crate::base::Kind;
use crate::cli::app::global::ProgressStyle;
use crate::cli::console::transfer;
use crate::cli::ui::lines::{Lines, Way, heading};
use crate::cli::{Context, Result};
use crate::engine::{Engine, PullOptions, PullPolicy};
use crate::image::Reference;
use crate::resource::Image;

/// Fetches `name`. `missing`: the user learns why that is needed.
///
/// # Errors
/// The registry does not have it, or cannot be reached.
pub async fn fetch<E: Engine>(
    cx: &Context<E>,
    name: &str,
    policy: PullPolicy,
    platform: Option<&str>,
    missing: bool,
    quiet: bool,
) -> Result<Image> {
    let reference: Reference = name.parse()?;
    let reference = reference.or_latest();
    let familiar = reference.familiar();
    let say = |text: String| if quiet { Ok(()) } else { cx.output().say_line(text) };
    if missing {
        say(format!("Unable to find image '{familiar}' locally"))?;
    }
    let options = PullOptions { policy, platform: platform.map(str::to_owned) };
    let engine = cx.engine()?;
    let image = if policy == PullPolicy::Never {
        let error = crate::base::Error::new(Kind::NotFound, format!("No such image: {familiar}"));
        return Err(error.hint("without --pull never it is fetched").into());
    } else if cx.style() == ProgressStyle::Tty || quiet {
        transfer::shown(cx, "pull", quiet, async |progress| {
            engine.pull(name, &options, progress).await
        })
        .await?
    } else {
        say(heading(&reference))?;
        let lines = Lines::new(cx.output(), Way::In, true);
        engine.pull(name, &options, &lines).await?
    };
    if let Some((_, digest)) = image.digests.iter().find_map(|it| it.split_once('@')) {
        say(format!("Digest: {digest}"))?;
    }
    say(format!("Status: Downloaded newer image for {familiar}"))?;
    Ok(image)
}
