// Issue one invoice: go run issue.go order.json     (go mod tidy fetches github.com/rabbitmq/amqp091-go)
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

var last = map[string]int{"confirmed": 0, "failed": 1, "rejected": 2, "unconfirmed": 3}

// Event holds what this program reads of an event; ids and money are text, so nothing is lost.
type Event struct {
	ID, Type, Subject string
	Data              struct {
		Image, Content, ExpiresAt, Reason, InvoiceURL, InvoiceNumber, TotalPriceAndTax, Code string
		NeedsPerson, Retryable                                                               bool
		Errors                                                                               []struct{ Path string }
	}
}

func main() { os.Exit(issue(os.Args[1])) }

func issue(order string) int {
	// The id lies beside the order BEFORE anything is published: after a crash the same id goes out again, harmlessly.
	beside, end := strings.TrimSuffix(order, ".json")+".id", strings.TrimSuffix(order, ".json")+".end"
	if told, err := os.ReadFile(end); err == nil {
		code, _ := handle(read(told))
		return code
	}
	id, err := os.ReadFile(beside)
	if err != nil {
		id = make([]byte, 16)
		must(rand.Read(id))
		id = []byte(fmt.Sprintf("%x", id))
		check(os.WriteFile(beside, id, 0o644))
	}
	command := must(json.Marshal(map[string]any{
		"specversion": "1.0", "id": string(id), "source": "/shop", "type": "invoice.issue",
		"data": json.RawMessage(must(os.ReadFile(order))), // as it is: no binary floats
	}))

	connection := must(amqp.Dial(setting("FAPIAO_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/%2f")))
	defer connection.Close()
	channel := must(connection.Channel())
	replies := must(channel.QueueDeclare(setting("SHOP_REPLIES", "shop.replies"), true, false, false, false, nil)).Name
	check(channel.Confirm(false))
	returned := channel.NotifyReturn(make(chan amqp.Return, 1))
	confirms := channel.NotifyPublish(make(chan amqp.Confirmation, 1)) // before the publish: none is missed
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	check(channel.PublishWithContext(ctx, "fapiao.commands", "invoice.issue", true, false, amqp.Publishing{
		ContentType: "application/cloudevents+json", DeliveryMode: amqp.Persistent, ReplyTo: replies, Body: command,
	}))
	select {
	case confirm := <-confirms: // when RabbitMQ has it on disk
		if !confirm.Ack {
			stop("RabbitMQ did not take it: send it again")
		}
	case <-ctx.Done():
		stop("no word from RabbitMQ: send it again")
	}
	select {
	case <-returned:
		stop("nobody takes invoice.issue: is the worker there?")
	default:
		fmt.Println("published", string(id))
	}

	seen := map[string]bool{} // in your database: a unique key on the event's id
	for message := range must(channel.Consume(replies, "", false, false, false, false, nil)) {
		event, code, ends := read(message.Body), -1, false
		if !seen[event.ID] {
			seen[event.ID] = true
			code, ends = handle(event)
		}
		ends = ends && event.Subject == string(id)
		if ends {
			check(os.WriteFile(end, message.Body, 0o644))
		}
		check(message.Ack(false)) // only after what it says is stored
		if ends {
			return code
		}
	}
	return 4 // the connection was lost: start again, the id lies beside the order
}

// handle stores what an event says; the exit code, and whether nothing more follows it.
func handle(event Event) (int, bool) {
	data, outcome := event.Data, event.Type[strings.LastIndex(event.Type, ".")+1:]
	switch outcome {
	case "qr_required": // a later attempt replaces an earlier one: here, the page is simply written anew
		page := fmt.Sprintf(`<img src="%s"> until %s`, data.Image, data.ExpiresAt)
		check(os.WriteFile("qr.html", []byte(page), 0o644))
		fmt.Printf("qr_required: show qr.html before %s, or open %s\n", data.ExpiresAt, data.Content)
	case "in_doubt":
		fmt.Printf("in_doubt: WAIT, never send the order again (%s)\n", data.Reason)
		if data.NeedsPerson {
			return 3, true // somebody decides with `fapiao-worker resolve`; the final event follows
		}
	case "completed":
		fmt.Printf("completed: issued, %s\n", data.InvoiceURL)
	case "confirmed":
		fmt.Printf("confirmed: number %s, total %s\n", data.InvoiceNumber, data.TotalPriceAndTax)
	case "failed":
		again := map[bool]string{true: "may", false: "do not simply"}[data.Retryable]
		fmt.Printf("failed: %s; %s send again under a new id\n", data.Code, again)
	case "rejected":
		fmt.Printf("rejected: %s %v\n", data.Code, data.Errors)
	default:
		fmt.Println(outcome)
	}
	code, ends := last[outcome]
	return code, ends
}

func read(body []byte) (event Event) { check(json.Unmarshal(body, &event)); return }

func setting(name, usual string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return usual
}

func must[T any](value T, err error) T { check(err); return value }

func check(err error) {
	if err != nil {
		stop(err)
	}
}

// stop ends: no broker, or nobody takes it. Start it again, the id lies beside the order.
func stop(why any) { log.Print(why); os.Exit(4) }
