// Does one HTTP ask of the lab by HttpClient, which comes as JSON on standard input, and prints the
// answer as JSON.

import java.io.FileInputStream;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.ProxySelector;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.TrustManagerFactory;

public class Ask {
    private static final String TEXT = "\"((?:[^\"\\\\]|\\\\.)*)\"";

    public static void main(String[] args) throws Exception {
        String ask = new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
        String version = text(ask, "http2", "(true|false)").equals("true") ? "HTTP_2" : "HTTP_1_1";
        HttpClient.Builder client = HttpClient.newBuilder()
            .version(HttpClient.Version.valueOf(version)).sslContext(trust());
        String proxy = System.getenv("http_proxy");
        if (proxy != null) {
            URI uri = URI.create(proxy);
            client.proxy(ProxySelector.of(new InetSocketAddress(uri.getHost(), uri.getPort())));
        }
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(text(ask, "url", TEXT)));
        request.header("User-Agent", "lab");
        Matcher fields = Pattern.compile("\\[" + TEXT + "," + TEXT + "\\]").matcher(ask);
        while (fields.find()) {
            request.header(fields.group(1), fields.group(2));
        }
        String body = text(ask, "body", "(null|\\[[0-9,]*\\])");
        request.method(text(ask, "method", TEXT), body.equals("null")
            ? HttpRequest.BodyPublishers.noBody()
            : HttpRequest.BodyPublishers.ofByteArray(bytes(body)));
        try {
            HttpResponse<byte[]> response =
                client.build().send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
            say(response, null, "");
        } catch (IOException error) {
            say(null, trouble(error), error.toString());
        }
    }

    /** Finds a member; what the lab writes has no escapes in names, and each name once. */
    private static String text(String json, String name, String value) {
        Matcher found = Pattern.compile("\"" + name + "\":" + value).matcher(json);
        if (!found.find()) {
            throw new IllegalArgumentException("no " + name + " in " + json);
        }
        return found.group(1);
    }

    private static byte[] bytes(String list) {
        String[] numbers = list.substring(1, list.length() - 1).split(",");
        byte[] bytes = new byte[numbers[0].isEmpty() ? 0 : numbers.length];
        for (int at = 0; at < bytes.length; at++) {
            bytes[at] = (byte) Integer.parseInt(numbers[at]);
        }
        return bytes;
    }

    private static SSLContext trust() throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (FileInputStream file = new FileInputStream(System.getenv("LAB_ROOTS"))) {
            int number = 0;
            for (var root : CertificateFactory.getInstance("X.509").generateCertificates(file)) {
                store.setCertificateEntry("root" + number++, root);
            }
        }
        var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    private static String trouble(Throwable error) {
        for (Throwable cause = error; cause != null; cause = cause.getCause()) {
            String words = String.valueOf(cause.getMessage());
            if (cause instanceof UnresolvedAddressException) {
                return "no-name";
            } else if (words.contains("reset")) {
                return "reset";
            } else if (words.contains("PKIX") || words.contains("No subject alternative")) {
                return "untrusted";
            } else if (words.contains("EOF") || words.contains("closed") || words.contains("fixed content-length")) {
                return "cut-short";
            } else if (cause instanceof SSLException) {
                return cause instanceof SSLHandshakeException && words.contains("cert") ? "untrusted" : "tls";
            }
        }
        return error instanceof ConnectException ? "refused" : "other";
    }

    private static void say(HttpResponse<byte[]> response, String trouble, String said) {
        List<String> fields = new ArrayList<>();
        StringBuilder content = new StringBuilder();
        if (response != null) {
            response.headers().map().forEach((name, values) -> {
                if (!name.startsWith(":")) {
                    values.forEach(value -> fields.add("[" + quote(name) + "," + quote(value) + "]"));
                }
            });
            for (byte one : response.body()) {
                content.append(String.format("%02x", one & 0xff));
            }
        }
        boolean isTwo = response != null && response.version() == HttpClient.Version.HTTP_2;
        System.out.println("{\"status\":" + (response == null ? "null" : response.statusCode())
            + ",\"version\":" + (response == null ? "null" : isTwo ? "\"HTTP/2\"" : "\"HTTP/1.1\"")
            + ",\"fields\":[" + String.join(",", fields) + "],\"content\":\"" + content + "\""
            + ",\"trouble\":" + (trouble == null ? "null" : quote(trouble))
            + ",\"said\":" + quote(said) + "}");
    }

    private static String quote(String text) {
        return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"").replaceAll("\\p{Cntrl}", " ") + "\"";
    }
}
