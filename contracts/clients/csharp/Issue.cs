// Issue one invoice: dotnet run order.json     (.NET 8, RabbitMQ.Client 7)
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;

var last = new Dictionary<string, int> { ["confirmed"] = 0, ["failed"] = 1, ["rejected"] = 2, ["unconfirmed"] = 3 };
string order = args[0], replies = Setting("SHOP_REPLIES", "shop.replies");

try
{
    return await Issue();
}
catch (Exception error) // no broker, nobody takes it, nothing for too long: start it again, the id lies there
{
    Console.Error.WriteLine(error.Message);
    return 4;
}

async Task<int> Issue()
{
    // The id lies beside the order BEFORE anything is published: after a crash the same id goes out again, harmlessly.
    string beside = Path.ChangeExtension(order, ".id"), ending = Path.ChangeExtension(order, ".end");
    if (File.Exists(ending)) return Handle(JsonDocument.Parse(File.ReadAllBytes(ending)).RootElement) ?? 4;
    if (!File.Exists(beside)) File.WriteAllText(beside, Guid.NewGuid().ToString());
    string id = File.ReadAllText(beside);
    var command = new JsonObject
    {
        ["specversion"] = "1.0", ["id"] = id, ["source"] = "/shop", ["type"] = "invoice.issue",
        ["data"] = JsonNode.Parse(File.ReadAllText(order)), // JsonNode keeps numbers as they are written
    };

    var factory = new ConnectionFactory { Uri = new Uri(Setting("FAPIAO_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/%2f")) };
    await using var connection = await factory.CreateConnectionAsync();
    await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(
        publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: true));
    await channel.QueueDeclareAsync(replies, durable: true, exclusive: false, autoDelete: false);
    var properties = new BasicProperties { ContentType = "application/cloudevents+json", Persistent = true, ReplyTo = replies };
    // Returns when RabbitMQ has it on disk; throws PublishException if it refused it, or if nobody takes it.
    await channel.BasicPublishAsync("fapiao.commands", "invoice.issue", mandatory: true, properties,
        Encoding.UTF8.GetBytes(command.ToJsonString()));
    Console.WriteLine($"published {id}");

    var seen = new HashSet<string>(); // in your database: a unique key on the event's id
    var end = new TaskCompletionSource<int>();
    var consumer = new AsyncEventingBasicConsumer(channel);
    consumer.ReceivedAsync += async (_, delivery) =>
    {
        var told = JsonDocument.Parse(delivery.Body.ToArray()).RootElement;
        int? outcome = seen.Add(Text(told, "id")) ? Handle(told) : null;
        bool ended = Text(told, "subject") == id && outcome is not null;
        if (ended) await File.WriteAllBytesAsync(ending, delivery.Body.ToArray());
        await channel.BasicAckAsync(delivery.DeliveryTag, multiple: false); // only after what it says is stored
        if (ended) end.TrySetResult(outcome!.Value);
    };
    await channel.BasicConsumeAsync(replies, autoAck: false, consumer);
    return await end.Task.WaitAsync(TimeSpan.FromMinutes(15));
}

// Store what an event says; the exit code, if nothing more follows it.
int? Handle(JsonElement told)
{
    string outcome = Text(told, "type").Split('.')[^1];
    var data = told.GetProperty("data");
    switch (outcome)
    {
        case "qr_required": // a later attempt replaces an earlier one: here, the page is simply written anew
            File.WriteAllText("qr.html", $"<img src=\"{Text(data, "image")}\"> until {Text(data, "expiresAt")}");
            Console.WriteLine($"qr_required: show qr.html before {Text(data, "expiresAt")}, or open {Text(data, "content")}");
            break;
        case "in_doubt":
            Console.WriteLine($"in_doubt: WAIT, never send the order again ({Text(data, "reason")})");
            // Where a person is needed, somebody decides with `fapiao-worker resolve`; the final event follows.
            if (data.GetProperty("needsPerson").GetBoolean()) return 3;
            break;
        case "completed":
            Console.WriteLine($"completed: issued, {Text(data, "invoiceUrl")}");
            break;
        case "confirmed":
            Console.WriteLine($"confirmed: number {Text(data, "invoiceNumber")}, total {Text(data, "totalPriceAndTax")}");
            break;
        case "failed":
            string again = data.GetProperty("retryable").GetBoolean() ? "may" : "do not simply";
            Console.WriteLine($"failed: {Text(data, "code")}; {again} send again under a new id");
            break;
        case "rejected":
            var paths = data.GetProperty("errors").EnumerateArray().Select(error => Text(error, "path"));
            Console.WriteLine($"rejected: {Text(data, "code")} {string.Join(' ', paths)}");
            break;
        default:
            Console.WriteLine(outcome);
            break;
    }
    return last.TryGetValue(outcome, out int code) ? code : null;
}

static string Text(JsonElement element, string name) =>
    element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

static string Setting(string name, string usual) =>
    Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : usual;
