-- What people read.
CREATE VIEW exchange_list AS
SELECT exchange.id,
       strftime('%Y-%m-%d %H:%M:%f', exchange.started / 1e9, 'unixepoch') AS started,
       process.name || '[' || process.pid || ']' AS process,
       method, url, coalesce(status, nullif(answered, 0)) AS status, request_bytes, response_bytes,
       max(exchange.ended - exchange.started, 0) / 1000000 AS ms,
       request_dropped + response_dropped AS dropped,
       exchange.failure, exchange.marker, exchange.comment
FROM exchange
LEFT JOIN flow ON flow.id = exchange.flow
LEFT JOIN process ON process.id = flow.process
ORDER BY exchange.id;

CREATE VIEW flow_list AS
SELECT flow.id,
       strftime('%Y-%m-%d %H:%M:%f', opened / 1e9, 'unixepoch') AS opened,
       process.name || '[' || process.pid || ']' AS process,
       transport, client, server, host, protocol, via, received, sent,
       max(closed - opened, 0) / 1000000 AS ms,
       failure, marker, comment
FROM flow
LEFT JOIN process ON process.id = flow.process
ORDER BY flow.id;
