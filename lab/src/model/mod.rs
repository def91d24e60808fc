//! What scenarios, grounds and transcripts speak of, as plain data.

mod act;
mod ground;
mod quality;
mod report;
mod seen;

pub use act::{Ask, Close, HttpAsk, Program, Serve, ServeHttp, ServeTls, Service, Step, WsFrame};
pub use ground::{Driver, Family, GroundKind, ParseTrialError, Trial};
pub use quality::Quality;
pub use report::{Outcome, Report};
pub use seen::{Answer, Client, Ended, FlowSeen, OriginSeen, Trouble};
