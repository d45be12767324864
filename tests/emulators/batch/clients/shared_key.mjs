// SharedKey as the current JavaScript clients sign it: ocp-date, headers that begin with ocp-, query names sorted.
import { createHmac } from "node:crypto";

const SIGNED = [
  "content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
  "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range",
];

function signedText(request, account) {
  const { headers, method, body } = request;
  const { pathname, searchParams } = new URL(request.url);
  const length = body ? String(Buffer.byteLength(body)) : method === "POST" ? "0" : "";
  const plain = SIGNED.map((name) => (name === "content-length" ? length : headers.get(name) ?? ""));
  const own = [...headers].filter(([name]) => name.startsWith("ocp-")).sort();
  const query = [...searchParams].sort(([one], [other]) => one.localeCompare(other, "en-US"));
  return [
    method,
    ...plain,
    ...own.map(([name, value]) => `${name}:${value}`),
    `/${account}${pathname}`,
    ...query.map(([name, value]) => `${name}:${value}`),
  ].join("\n");
}

/** Signs each request with the key of an account (an AzureNamedKeyCredential). */
export function sharedKeyPolicy({ name: account, key }) {
  return {
    name: "SharedKey",
    sendRequest(request, next) {
      request.headers.set("ocp-date", new Date().toUTCString());
      const mac = createHmac("sha256", Buffer.from(key, "base64"));
      const signature = mac.update(signedText(request, account)).digest("base64");
      request.headers.set("authorization", `SharedKey ${account}:${signature}`);
      return next(request);
    },
  };
}
