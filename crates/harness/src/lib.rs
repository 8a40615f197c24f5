//! Tests only: starts real and embedded control planes, and the console, for tests and measurements.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot start its world must fail loudly")]

pub mod api;
pub mod console;
pub mod crds;
pub mod dice;
pub mod embedded;
pub mod faults;
pub mod kubeconfig;
pub mod kubelet;
pub mod places;
pub mod process;
pub mod real;
pub mod samples;

pub use api::{Answer, Api};
pub use console::Console;
pub use embedded::Embedded;
pub use faults::{Cut, Faults, Refusal, Weather};
pub use kubelet::Kubelet;
pub use real::{Options, RealControlPlane};
