//! What a driver can and cannot do, as `doctor` prints it.

use std::fmt;

/// How well a driver knows who opened a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attribution {
    /// It does not know.
    #[default]
    None,
    /// It looks the owner of the socket up when the flow arrives.
    Lookup,
    /// The kernel says so as the flow is made.
    Kernel,
}

/// What a client sees when its server refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The connection is accepted and then reset at once.
    #[default]
    Reset,
    /// The very answer of the server.
    Same,
}

/// What a driver can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// It captures UDP beside TCP.
    pub udp: bool,
    /// It captures IPv6 beside IPv4.
    pub ipv6: bool,
    /// How well it knows processes.
    pub attribution: Attribution,
    /// What a client sees when its server refuses.
    pub refusal: Refusal,
    /// It can be told which processes to capture while it runs.
    pub spec: bool,
    /// Its streams have descriptors, so that the kernel can move their bytes.
    pub descriptors: bool,
}

impl Capabilities {
    /// Returns these capabilities with UDP.
    pub const fn with_udp(self) -> Self {
        Self { udp: true, ..self }
    }

    /// Returns these capabilities with IPv6.
    pub const fn with_ipv6(self) -> Self {
        Self { ipv6: true, ..self }
    }

    /// Returns these capabilities with that attribution.
    pub const fn with_attribution(self, attribution: Attribution) -> Self {
        Self { attribution, ..self }
    }

    /// Returns these capabilities with that refusal.
    pub const fn with_refusal(self, refusal: Refusal) -> Self {
        Self { refusal, ..self }
    }

    /// Returns these capabilities with a spec that can be changed.
    pub const fn with_spec(self) -> Self {
        Self { spec: true, ..self }
    }

    /// Returns these capabilities with descriptors.
    pub const fn with_descriptors(self) -> Self {
        Self { descriptors: true, ..self }
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transports = if self.udp { "TCP and UDP" } else { "TCP" };
        let families = if self.ipv6 { "IPv4 and IPv6" } else { "IPv4" };
        let attribution = match self.attribution {
            Attribution::None => "processes unknown",
            Attribution::Lookup => "processes looked up as flows arrive",
            Attribution::Kernel => "processes told by the kernel",
        };
        let refusal = match self.refusal {
            Refusal::Reset => "a refusing server is seen as a reset",
            Refusal::Same => "a refusing server is seen as such",
        };
        write!(f, "{transports}, {families}, {attribution}, {refusal}")
    }
}
