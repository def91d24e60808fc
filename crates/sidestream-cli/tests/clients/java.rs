//! Java, with its own store of roots.

use crate::harness::{ANSWER, Bench, program};

pub(crate) const SOURCE: &str = r#"
import java.net.URI;
import java.net.http.*;

public class Fetch {
    public static void main(String[] args) throws Exception {
        var client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        var request = HttpRequest.newBuilder(URI.create(args[0])).build();
        System.out.print(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
    }
}
"#;

#[test]
pub(crate) fn java_http_client() {
    let Some(java) = program("java_http_client", "java") else { return };
    let bench = Bench::new();
    let origin = bench.https();
    let url = format!("https://localhost:{}/java", origin.port());
    let source = bench.write("Fetch.java", SOURCE);
    let ran = bench.run([java.to_str().unwrap(), source.to_str().unwrap(), &url]);
    ran.check_success(ANSWER).check_http("GET", &url, 200, "java");
    assert_eq!(origin.requests()[0].target(), "/java");
}
