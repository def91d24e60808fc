// com.sun.net.httpserver, which says of each request what it read.
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.util.HexFormat;

public class Server {
    public static void main(String[] args) throws Exception {
        var server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        server.createContext("/", exchange -> {
            var body = HexFormat.of().formatHex(exchange.getRequestBody().readAllBytes());
            var read = exchange.getRequestMethod() + " " + exchange.getRequestURI() + " " + body;
            exchange.getResponseHeaders().set("X-Read", read);
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
        });
        server.start();
        System.out.println(server.getAddress().getPort());
    }
}
