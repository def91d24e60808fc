//! Frames in which the peers advise each other.

use serde_json::json;

use super::Play;

#[test]
fn node_hears_what_its_origin_advises() {
    let Some(play) = Play::https("node_hears_what_its_origin_advises", "node") else { return };
    let script = "
const url = new URL(process.argv[1]);
const session = require('node:http2').connect(url.origin, { family: 4 });
const heard = [];
session.on('altsvc', (value, origin, stream) => heard.push(value + ' ' + (origin && 'named') + stream));
session.on('origin', (origins) => heard.push(...origins));
const stream = session.request({ ':path': url.pathname });
stream.resume().on('close', () => session.close());
session.on('close', () => console.log(heard.sort().join('\\n')));";
    let url = play.url("advice");
    let seen = play.run(&["-e", script, &url]);
    let line = seen.check_success().check("GET", "advice", "HTTP/2");
    assert!(seen.ran.stdout.contains("https://two.test:8443\n"), "{}", seen.ran.stdout);
    let told = json!([{ "from": "server", "frame": "ALTSVC", "value": "h3=\":443\"; ma=60" }]);
    assert_eq!(line["advice"], told, "{line:#}");
    // What is not about the exchange stands in the line of its flow.
    let of_flow = |it: &&serde_json::Value| it["kind"] == "tcp" && it["flow"] == line["flow"];
    let flow = seen.ran.lines.iter().find(of_flow).unwrap();
    let told = json!([
        { "from": "server", "frame": "ALTSVC", "origin": "https://other.test", "value": "clear" },
        { "from": "server", "frame": "ORIGIN",
          "origins": ["https://one.test", "https://two.test:8443"] },
    ]);
    assert_eq!(flow["advice"], told, "{flow:#}");
}
