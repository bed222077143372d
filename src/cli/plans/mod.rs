//! From a project to a plan that has run: images first, then everything else, with progress, the
//! questions that a destructive step needs, and Ctrl-C.

pub mod plan_up;
pub mod prepare;
pub mod run_plan;
