// Has a bot listen on loopback at PEER_PORT, whatever address its code names.
const net = require("node:net");
const listen = net.Server.prototype.listen;

net.Server.prototype.listen = function (...words) {
  const listening = words.filter((word) => typeof word === "function");
  const place = { host: "127.0.0.1", port: Number(process.env.PEER_PORT) };
  return listen.call(this, place, ...listening);
};
