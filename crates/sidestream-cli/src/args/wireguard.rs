//! The command line of `wireguard`.

use clap::Subcommand;

/// What to do with the clients of mode `wireguard`.
#[derive(Debug, Subcommand)]
pub enum WireguardCommand {
    /// List the clients: name, addresses in the tunnel, public key.
    List,
    /// Make a client and print its configuration. A server that runs knows it from its next start.
    Add {
        /// Its name: as short as the name of a network device, which it may become.
        name: String,
        /// Give it a preshared key as well: protects what is recorded today from those who will
        /// break the other keys.
        #[arg(long)]
        psk: bool,
        /// Have it find this machine there.
        #[arg(long, value_name = "HOST[:PORT]")]
        endpoint: Option<String>,
    },
    /// Print the configuration of a client, which holds its private key.
    Show {
        /// Its name.
        name: String,
        /// Draw it for a phone's camera.
        #[arg(long)]
        qr: bool,
    },
    /// Forget a client. A server that runs forgets it when it ends.
    Remove {
        /// Its name.
        name: String,
    },
}
