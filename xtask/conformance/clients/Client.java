import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

/** Asks by the client of Java: URL in the clear, URL over TLS. */
public class Client {
    private static final String[] WORDS = {
        "get", "redirect", "gzip", "stream", "hints", "cookies", "large", "nothing", "missing", "post"
    };

    /** Trust has tests of its own; here the same program has to run both ways. */
    private static final X509TrustManager ANYBODY = new X509TrustManager() {
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    };

    public static void main(String[] urls) throws Exception {
        System.setProperty("jdk.internal.httpclient.disableHostnameVerification", "true");
        SSLContext tls = SSLContext.getInstance("TLS");
        tls.init(null, new TrustManager[] {ANYBODY}, null);
        for (HttpClient.Version version : HttpClient.Version.values()) {
            HttpClient client = HttpClient.newBuilder().sslContext(tls).version(version)
                    .followRedirects(HttpClient.Redirect.NORMAL).build();
            for (String url : urls) {
                say(client, version.name().toLowerCase(), url);
            }
        }
    }

    private static void say(HttpClient client, String version, String url) throws Exception {
        String name = "java-" + version.replace('_', '-') + "-" + url.split(":")[0];
        for (String word : WORDS) {
            System.out.println("== " + name + " " + word);
            HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url + "/" + name + "/" + word));
            if (word.equals("post")) {
                request.POST(BodyPublishers.ofByteArray(new byte[300_000]));
            }
            try {
                var response = client.send(request.build(), BodyHandlers.ofByteArray());
                System.out.println(response.version() + " " + response.statusCode());
                response.headers().map().forEach((field, values) -> System.out.println(field + ": " + values));
                System.out.println(response.body().length + " bytes");
            } catch (IOException error) {
                System.out.println(error);
            }
        }
    }
}
