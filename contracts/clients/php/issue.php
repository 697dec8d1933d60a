<?php
// Issue one invoice: php issue.php order.json     (composer require php-amqplib/php-amqplib, or Debian's php-amqplib)
declare(strict_types=1);
require is_file(__DIR__ . '/vendor/autoload.php') ? __DIR__ . '/vendor/autoload.php' : 'PhpAmqpLib/autoload.php';

use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Message\AMQPMessage;

const LAST = ['confirmed' => 0, 'failed' => 1, 'rejected' => 2, 'unconfirmed' => 3];

function main(string $order): int
{
    // The id lies beside the order BEFORE anything is published: after a crash the same id goes out again, harmlessly.
    [$beside, $end] = [preg_replace('/\.json$/', '.id', $order), preg_replace('/\.json$/', '.end', $order)];
    if (is_file($end)) {
        return handle(json_decode(file_get_contents($end), true));
    }
    if (!is_file($beside)) {
        file_put_contents($beside, bin2hex(random_bytes(16)));
    }
    $id = file_get_contents($beside);
    $envelope = json_encode(['specversion' => '1.0', 'id' => $id, 'source' => '/shop', 'type' => 'invoice.issue']);
    // The data go in as text: json_decode would make binary floats of the money.
    $command = substr($envelope, 0, -1) . ',"data":' . file_get_contents($order) . '}';

    $url = parse_url(getenv('FAPIAO_AMQP_URL') ?: 'amqp://guest:guest@127.0.0.1:5672/%2f');
    $vhost = urldecode(substr($url['path'] ?? '/%2f', 1)) ?: '/';
    $connection = new AMQPStreamConnection($url['host'], $url['port'] ?? 5672, $url['user'], $url['pass'], $vhost);
    $channel = $connection->channel();
    $replies = getenv('SHOP_REPLIES') ?: 'shop.replies';
    $channel->queue_declare($replies, false, true, false, false);
    $channel->confirm_select();
    $channel->set_return_listener(fn () => throw new RuntimeException('nobody takes it: is the worker there?'));
    $channel->set_nack_handler(fn () => throw new RuntimeException('RabbitMQ refused it: send it again'));
    $channel->basic_publish(new AMQPMessage($command, [
        'content_type' => 'application/cloudevents+json',
        'delivery_mode' => AMQPMessage::DELIVERY_MODE_PERSISTENT,
        'reply_to' => $replies,
    ]), 'fapiao.commands', 'invoice.issue', true);
    $channel->wait_for_pending_acks_returns(30); // RabbitMQ has it on disk
    echo "published $id\n";

    $seen = []; // in your database: a unique key on the event's id
    $code = null;
    $channel->basic_consume($replies, '', false, false, false, false, function (AMQPMessage $message) use (&$seen, &$code, $id, $end) {
        $event = json_decode($message->getBody(), true); // ids and money are text in events: nothing is lost
        $outcome = isset($seen[$event['id']]) ? null : handle($event);
        $seen[$event['id']] = true;
        if ($event['subject'] === $id && $outcome !== null) {
            file_put_contents($end, $message->getBody());
            $code = $outcome;
        }
        $message->ack(); // only after what it says is stored
    });
    while ($code === null) {
        $channel->wait(null, false, 900);
    }
    $connection->close();
    return $code;
}

/** Store what an event says; the exit code, if nothing more follows it. */
function handle(array $event): ?int
{
    $data = $event['data'];
    $outcome = substr($event['type'], strrpos($event['type'], '.') + 1);
    if ($outcome === 'qr_required') { // a later attempt replaces an earlier one: here, the page is simply written anew
        file_put_contents('qr.html', "<img src=\"{$data['image']}\"> until {$data['expiresAt']}");
        echo "qr_required: show qr.html before {$data['expiresAt']}, or open {$data['content']}\n";
    } elseif ($outcome === 'in_doubt') {
        echo "in_doubt: WAIT, never send the order again ({$data['reason']})\n";
        if ($data['needsPerson']) {
            return 3; // somebody decides with `fapiao-worker resolve`; the final event follows
        }
    } elseif ($outcome === 'completed') {
        echo "completed: issued, {$data['invoiceUrl']}\n";
    } elseif ($outcome === 'confirmed') {
        echo "confirmed: number {$data['invoiceNumber']}, total {$data['totalPriceAndTax']}\n";
    } elseif ($outcome === 'failed') {
        $again = $data['retryable'] ? 'may' : 'do not simply';
        echo "failed: {$data['code']}; $again send again under a new id\n";
    } elseif ($outcome === 'rejected') {
        echo "rejected: {$data['code']} " . implode(' ', array_column($data['errors'], 'path')) . "\n";
    } else {
        echo "$outcome\n";
    }
    return LAST[$outcome] ?? null;
}

try {
    exit(main($argv[1]));
} catch (Throwable $error) { // no broker, nobody takes it, nothing for too long: start it again, the id lies there
    fwrite(STDERR, $error->getMessage() . "\n");
    exit(4);
}
