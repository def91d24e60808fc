// Prints what was asked for in a session, by its published messages.

import { readFileSync } from "node:fs";
import { decompress } from "fzstd";
import initSqlJs from "sql.js";
import { sidestream } from "./session.js";

const { Block } = sidestream.session.v1;
const SQL = await initSqlJs();
const session = new SQL.Database(readFileSync(process.argv[2]));
const [blocks] = session.exec("SELECT payload, size FROM block ORDER BY first");
for (const [stored, size] of blocks.values) {
  let payload = stored as Uint8Array;
  if (size !== null && payload.length < Number(size)) {
    payload = decompress(payload);
  }
  for (const entry of Block.decode(payload).entries) {
    const request = entry.request;
    if (request) {
      console.log(Buffer.from(request.method ?? []).toString(), request.url);
    }
  }
}
