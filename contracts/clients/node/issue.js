// Issue one invoice: node issue.js order.json     (npm install amqplib; Node 18 or later)
const fs = require("node:fs");
const { randomUUID } = require("node:crypto");
const amqp = require("amqplib");

const URL = process.env.FAPIAO_AMQP_URL ?? "amqp://guest:guest@127.0.0.1:5672/%2f";
const REPLIES = process.env.SHOP_REPLIES ?? "shop.replies";
const EXIT = { confirmed: 0, failed: 1, rejected: 2, unconfirmed: 3 };

async function main(order) {
  // The id lies beside the order BEFORE anything is published: after a crash the same id goes out again, harmlessly.
  const [beside, end] = [".id", ".end"].map((ending) => order.replace(/\.json$/, ending));
  if (fs.existsSync(end)) return handle(JSON.parse(fs.readFileSync(end)));
  if (!fs.existsSync(beside)) fs.writeFileSync(beside, randomUUID());
  const id = fs.readFileSync(beside, "utf8");
  const data = fs.readFileSync(order, "utf8"); // as text: JSON.parse would make binary floats of the money
  const envelope = JSON.stringify({ specversion: "1.0", id, source: "/shop", type: "invoice.issue" });
  const command = `${envelope.slice(0, -1)},"data":${data}}`;

  const connection = await amqp.connect(URL);
  const channel = await connection.createConfirmChannel();
  channel.on("return", () => { throw new Error("nobody takes invoice.issue: is the worker there?"); });
  await channel.assertQueue(REPLIES, { durable: true });
  channel.publish("fapiao.commands", "invoice.issue", Buffer.from(command), {
    contentType: "application/cloudevents+json", persistent: true, mandatory: true, replyTo: REPLIES,
  });
  await channel.waitForConfirms(); // RabbitMQ has it on disk; throws if it refused
  console.log("published", id);

  const seen = new Set(); // in your database: a unique key on the event's id
  const code = await new Promise((resolve) => {
    setTimeout(() => resolve(4), 900_000).unref();
    channel.consume(REPLIES, (message) => {
      if (message === null) return resolve(4); // the queue was deleted
      const event = JSON.parse(message.content); // ids and money are text in events: nothing is lost
      const outcome = seen.has(event.id) ? undefined : handle(event);
      seen.add(event.id);
      const ended = event.subject === id && outcome !== undefined;
      if (ended) fs.writeFileSync(end, message.content);
      channel.ack(message); // only after what it says is stored
      if (ended) resolve(outcome);
    });
  });
  await channel.close();
  await connection.close();
  return code;
}

/** Store what an event says; the exit code, if nothing more follows it. */
function handle({ type, data }) {
  const outcome = type.slice(type.lastIndexOf(".") + 1);
  switch (outcome) {
    case "qr_required": // a later attempt replaces an earlier one: here, the page is simply written anew
      fs.writeFileSync("qr.html", `<img src="${data.image}"> until ${data.expiresAt}`);
      console.log(`qr_required: show qr.html before ${data.expiresAt}, or open ${data.content}`);
      break;
    case "in_doubt":
      console.log(`in_doubt: WAIT, never send the order again (${data.reason})`);
      if (data.needsPerson) return 3; // somebody decides with `fapiao-worker resolve`; the final event follows
      break;
    case "completed":
      console.log(`completed: issued, ${data.invoiceUrl}`);
      break;
    case "confirmed":
      console.log(`confirmed: number ${data.invoiceNumber}, total ${data.totalPriceAndTax}`);
      break;
    case "failed":
      console.log(`failed: ${data.code}; ${data.retryable ? "may" : "do not simply"} send again under a new id`);
      break;
    case "rejected":
      console.log(`rejected: ${data.code} ${data.errors.map((error) => error.path)}`);
      break;
    default:
      console.log(outcome);
  }
  return EXIT[outcome];
}

// No broker, nobody takes it, the connection is lost: start it again, the id lies there.
const stop = (error) => { console.error(error.message || error); process.exit(4); };
process.on("uncaughtException", stop);
main(process.argv[2]).then((code) => process.exit(code), stop);
