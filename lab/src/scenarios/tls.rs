//! TLS, and how it fails.

use anyhow::Result;

use super::{
    ALL_DRIVERS, BOTH, BY_SPEC, EVERYWHERE, HERE, KERNELS, PLAIN, PROGRAMS, TOLD, https, stage,
};
use crate::lab::Lab;
use crate::model::{Ask, HttpAsk, ServeHttp, ServeTls};
use crate::scenario::Scenario;

pub(crate) const GROUP: &[Scenario] = &[
    Scenario {
        name: "tls/get",
        shows: "a page over TLS, read on its way",
        drivers: ALL_DRIVERS,
        apart: TOLD,
        families: BOTH,
        grounds: EVERYWHERE,
        run: |lab| served(lab, ServeTls::Good),
    },
    Scenario {
        name: "tls/old",
        shows: "a server that has TLS 1.2 alone",
        run: |lab| served(lab, ServeTls::Old),
        ..PLAIN
    },
    Scenario {
        name: "tls/expired",
        shows: "a certificate that has expired",
        drivers: ALL_DRIVERS,
        apart: TOLD,
        grounds: HERE,
        run: |lab| served(lab, ServeTls::Expired),
        ..PLAIN
    },
    Scenario {
        name: "tls/other-name",
        shows: "a certificate for somebody else",
        run: |lab| served(lab, ServeTls::OtherName),
        ..PLAIN
    },
    Scenario {
        name: "tls/self-signed",
        shows: "a certificate that nobody vouches for",
        run: |lab| served(lab, ServeTls::SelfSigned),
        ..PLAIN
    },
    Scenario {
        name: "tls/refuses",
        shows: "a server that refuses the handshake",
        run: |lab| served(lab, ServeTls::Refuses),
        ..PLAIN
    },
    Scenario {
        name: "tls/refused-root",
        shows: "a client that does not trust our root is let through the next time",
        drivers: BY_SPEC,
        grounds: KERNELS,
        run: |lab| {
            stage(lab, https(ServeHttp::default(), ServeTls::Good))?;
            let ask = HttpAsk { trusts_proxy: false, ..HttpAsk::get("https://origin/pinned") };
            lab.ask("app", &Ask::Http(ask.clone()))?;
            lab.ask("app", &Ask::Http(ask)).map(drop)
        },
        ..PLAIN
    },
    Scenario {
        name: "tls/until-trusted",
        shows: "nothing is decrypted while nobody trusts our root",
        drivers: BY_SPEC,
        run: |lab| {
            lab.hosts(&["app", "origin"])?;
            lab.serve("origin", https(ServeHttp::default(), ServeTls::Good))?;
            lab.intercept_untrusted("app", "curl")?;
            let ask = HttpAsk { trusts_proxy: false, ..HttpAsk::get("https://origin/passed") };
            lab.ask("app", &Ask::Http(ask)).map(drop)
        },
        grounds: PROGRAMS,
        ..PLAIN
    },
];

fn served(lab: &mut Lab, tls: ServeTls) -> Result<()> {
    stage(lab, https(ServeHttp::default(), tls))?;
    lab.get("app", "https://origin/secret").map(drop)
}
