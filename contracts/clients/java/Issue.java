// Issue one invoice: java -cp 'lib/*' Issue.java order.json     (Java 17; com.rabbitmq:amqp-client, com.google.code.gson:gson)
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.DefaultConsumer;
import com.rabbitmq.client.Envelope;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

public class Issue {
    static final Map<String, Integer> LAST = Map.of("confirmed", 0, "failed", 1, "rejected", 2, "unconfirmed", 3);

    public static void main(String[] arguments) {
        int code = 4;
        try {
            code = issue(Path.of(arguments[0]));
        } catch (Exception error) { // no broker, nobody takes it, nothing for too long: start it again, the id lies there
            System.err.println(error);
        }
        System.exit(code);
    }

    static int issue(Path order) throws Exception {
        // The id lies beside the order BEFORE anything is published: after a crash the same id goes out again, harmlessly.
        Path beside = Path.of(order.toString().replaceAll("\\.json$", ".id"));
        Path ending = Path.of(order.toString().replaceAll("\\.json$", ".end"));
        if (Files.exists(ending)) return handle(JsonParser.parseString(Files.readString(ending)).getAsJsonObject());
        if (!Files.exists(beside)) Files.writeString(beside, UUID.randomUUID().toString());
        String id = Files.readString(beside);
        JsonObject command = new JsonObject();
        command.addProperty("specversion", "1.0");
        command.addProperty("id", id);
        command.addProperty("source", "/shop");
        command.addProperty("type", "invoice.issue");
        command.add("data", JsonParser.parseString(Files.readString(order))); // Gson keeps numbers as they are written

        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(setting("FAPIAO_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/%2f"));
        String replies = setting("SHOP_REPLIES", "shop.replies");
        try (Connection connection = factory.newConnection()) {
            Channel channel = connection.createChannel();
            channel.queueDeclare(replies, true, false, false, null);
            AtomicBoolean returned = new AtomicBoolean();
            channel.addReturnListener((code, text, exchange, key, properties, body) -> returned.set(true));
            channel.confirmSelect();
            channel.basicPublish("fapiao.commands", "invoice.issue", true, new AMQP.BasicProperties.Builder()
                .contentType("application/cloudevents+json").deliveryMode(2).replyTo(replies).build(),
                command.toString().getBytes(StandardCharsets.UTF_8));
            channel.waitForConfirmsOrDie(30_000); // RabbitMQ has it on disk
            if (returned.get()) throw new IOException("nobody takes invoice.issue: is the worker there?");
            System.out.println("published " + id);

            Set<String> seen = new HashSet<>(); // in your database: a unique key on the event's id
            CompletableFuture<Integer> end = new CompletableFuture<>();
            channel.basicConsume(replies, false, new DefaultConsumer(channel) {
                @Override
                public void handleDelivery(String tag, Envelope envelope, AMQP.BasicProperties properties, byte[] body)
                    throws IOException {
                    JsonObject event = JsonParser.parseString(new String(body, StandardCharsets.UTF_8)).getAsJsonObject();
                    Integer outcome = seen.add(text(event, "id")) ? handle(event) : null;
                    boolean ended = id.equals(text(event, "subject")) && outcome != null;
                    if (ended) Files.write(ending, body);
                    channel.basicAck(envelope.getDeliveryTag(), false); // only after what it says is stored
                    if (ended) end.complete(outcome);
                }
            });
            return end.get(15, TimeUnit.MINUTES);
        }
    }

    /** Store what an event says; the exit code, if nothing more follows it. */
    static Integer handle(JsonObject event) throws IOException {
        String type = text(event, "type"), outcome = type.substring(type.lastIndexOf('.') + 1);
        JsonObject data = event.getAsJsonObject("data");
        switch (outcome) {
            case "qr_required" -> { // a later attempt replaces an earlier one: here, the page is simply written anew
                String until = text(data, "expiresAt");
                Files.writeString(Path.of("qr.html"), "<img src=\"" + text(data, "image") + "\"> until " + until);
                System.out.println("qr_required: show qr.html before " + until + ", or open " + text(data, "content"));
            }
            case "in_doubt" -> {
                System.out.println("in_doubt: WAIT, never send the order again (" + text(data, "reason") + ")");
                // Where a person is needed, somebody decides with `fapiao-worker resolve`; the final event follows.
                if (data.get("needsPerson").getAsBoolean()) return 3;
            }
            case "completed" -> System.out.println("completed: issued, " + text(data, "invoiceUrl"));
            case "confirmed" -> System.out.println("confirmed: number " + text(data, "invoiceNumber") + ", total "
                + text(data, "totalPriceAndTax"));
            case "failed" -> System.out.println("failed: " + text(data, "code") + "; "
                + (data.get("retryable").getAsBoolean() ? "may" : "do not simply") + " send again under a new id");
            case "rejected" -> {
                JsonArray errors = data.getAsJsonArray("errors");
                StringBuilder paths = new StringBuilder();
                for (JsonElement error : errors) paths.append(' ').append(text(error.getAsJsonObject(), "path"));
                System.out.println("rejected: " + text(data, "code") + paths);
            }
            default -> System.out.println(outcome);
        }
        return LAST.get(outcome);
    }

    static String text(JsonObject object, String name) {
        JsonElement value = object.get(name);
        return value == null || value.isJsonNull() ? "" : value.getAsString();
    }

    static String setting(String name, String usual) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? usual : value;
    }
}
