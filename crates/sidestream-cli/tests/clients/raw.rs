//! What is not HTTP: DNS, UDP, and protocols that are not understood.

use sidestream_testkit::{DnsOrigin, Origin, UdpOrigin};

use crate::harness::{Bench, program};

const DNS: &str = "
import socket, sys
q = b'\\x12\\x34\\x01\\0\\0\\x01\\0\\0\\0\\0\\0\\0\\x04host\\x07example\\x04test\\0\\0\\x01\\0\\x01'
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.sendto(q, ('127.0.0.1', int(sys.argv[1])))
print(socket.inet_ntoa(s.recvfrom(512)[0][-4:]))";

#[test]
pub(crate) fn dns_is_decoded() {
    let Some(python) = program("dns_is_decoded", "python3") else { return };
    let bench = Bench::new();
    let origin = DnsOrigin::serve(&[("host.example.test", "192.0.2.7".parse().unwrap())]);
    let port = origin.addr().port().to_string();
    let ran = bench.run([python.to_str().unwrap(), "-c", DNS, &port]);
    ran.check_success("192.0.2.7\n");
    let line = ran.lines.iter().find(|line| line["kind"] == "dns");
    let line = line.unwrap_or_else(|| panic!("{:#?}", ran.lines));
    assert_eq!(line["query"]["questions"][0]["name"], "host.example.test", "{line:#}");
    assert_eq!(line["answer"]["answers"][0]["data"], "192.0.2.7", "{line:#}");
    assert_eq!(origin.queries().len(), 1);
}

const UDP: &str = "
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.sendto(b'ping of our own', ('127.0.0.1', int(sys.argv[1])))
data, peer = s.recvfrom(99)
print(data.decode(), peer[1] == int(sys.argv[1]))";

#[test]
pub(crate) fn udp_goes_both_ways() {
    let Some(python) = program("udp_goes_both_ways", "python3") else { return };
    let bench = Bench::new();
    let origin = UdpOrigin::echo();
    let port = origin.addr().port().to_string();
    let ran = bench.run([python.to_str().unwrap(), "-c", UDP, &port]);
    ran.check_success("ping of our own True\n");
    let line = ran.lines.iter().find(|line| line["kind"] == "udp");
    let line = line.unwrap_or_else(|| panic!("{:#?}", ran.lines));
    assert_eq!(line["bytes_received"], 15, "{line:#}");
    assert_eq!(line["bytes_sent"], 15, "{line:#}");
}

const TCP: &str = "
import socket, sys
s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
s.sendall(b'\\x00\\x01 no protocol that is known')
s.shutdown(socket.SHUT_WR)
n = 0
while d := s.recv(4096): n += len(d)
print(n)";

#[test]
pub(crate) fn what_is_not_understood_passes_as_it_is() {
    let Some(python) = program("what_is_not_understood_passes_as_it_is", "python3") else {
        return;
    };
    let bench = Bench::new();
    let origin = Origin::echo();
    let port = origin.port().to_string();
    let ran = bench.run([python.to_str().unwrap(), "-c", TCP, &port]);
    ran.check_success("28\n");
    let line = ran.lines.iter().find(|line| line["kind"] == "tcp");
    let line = line.unwrap_or_else(|| panic!("{:#?}", ran.lines));
    assert_eq!(line["bytes_received"], 28, "{line:#}");
    assert_eq!(line["bytes_sent"], 28, "{line:#}");
    assert!(line["error"].is_null(), "{line:#}");
}
