// net/http, which says of each request what it read.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	answer := func(answer http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			answer.WriteHeader(400)
			return
		}
		read := fmt.Sprintf("%s %s %x", request.Method, request.RequestURI, body)
		answer.Header().Set("X-Read", read)
	}
	panic(http.Serve(listener, http.HandlerFunc(answer)))
}
