// Asks by the client of Go: URL in the clear, URL over TLS.
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"sort"
	"strings"
)

var words = []string{"get", "redirect", "gzip", "stream", "hints", "cookies", "large", "nothing", "missing"}

func main() {
	for _, base := range os.Args[1:3] {
		name := "go-" + strings.Split(base, ":")[0]
		for _, word := range words {
			say(name, word, "GET", base, nil)
		}
		say(name, "post", "POST", base, strings.NewReader(strings.Repeat("x", 500000)))
		// Of a reader that is nothing else, the length is not known.
		say(name, "post in pieces", "POST", base, io.MultiReader(strings.NewReader("abc"), strings.NewReader("def")))
	}
}

func say(name, word, method, base string, body io.Reader) {
	fmt.Printf("== %s %s\n", name, word)
	path := strings.Split(word, " ")[0]
	request, err := http.NewRequest(method, base+"/"+name+"/"+path, body)
	if err != nil {
		panic(err)
	}
	trace := &httptrace.ClientTrace{Got1xxResponse: func(code int, fields textproto.MIMEHeader) error {
		fmt.Println("informed", code, fields)
		return nil
	}}
	response, err := http.DefaultClient.Do(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	fmt.Println(response.Proto, response.Status, err)
	lines := []string{}
	for name, values := range response.Header {
		lines = append(lines, fmt.Sprint(name, ": ", values))
	}
	sort.Strings(lines)
	fmt.Println(strings.Join(lines, "\n"))
	fmt.Printf("%d bytes %x %v\n", len(read), sha256.Sum256(read), response.Trailer)
}
