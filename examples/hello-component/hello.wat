;; The text that hello.wasm is made from: the core module of a component that answers wasi:http requests.
;; wit/ tells what it imports and exports; examples/encode-component.rs makes the component:
;;
;;   cargo run --example encode-component -- \
;;       examples/hello-component/hello.wat examples/hello-component/wit examples/hello-component/hello.wasm
;;
;; `cargo test hello_component` checks that the two are the same.
(module
  (import "wasi:http/types@0.2.0" "[constructor]fields" (func $new_fields (result i32)))
  (import "wasi:http/types@0.2.0" "[constructor]outgoing-response" (func $new_response (param i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-response.body" (func $body_of (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-body.write" (func $stream_of (param i32 i32)))
  (import "wasi:http/types@0.2.0" "[static]outgoing-body.finish" (func $finish (param i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[static]response-outparam.set"
    (func $answer (param i32 i32 i32 i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[resource-drop]incoming-request" (func $drop_request (param i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write (param i32 i32 i32 i32)))
  (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop_stream (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "Hello from a wasi-http component!\n")

  ;; The host asks for memory here. Nothing is ever freed: an instance answers one request.
  (global $heap (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (local.get $at))

  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $response i32) (local $body i32) (local $stream i32)
    (call $drop_request (local.get $request))
    ;; A result is written to the address in the last argument: its case first, then the handle.
    (local.set $response (call $new_response (call $new_fields)))
    (call $body_of (local.get $response) (i32.const 0))
    (local.set $body (i32.load (i32.const 4)))
    ;; The first zero after `$out` is "ok"; the others are the fields of an error that is none.
    (call $answer (local.get $out) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $stream_of (local.get $body) (i32.const 16))
    (local.set $stream (i32.load (i32.const 20)))
    ;; 34 bytes at 1024.
    (call $write (local.get $stream) (i32.const 1024) (i32.const 34) (i32.const 32))
    (call $drop_stream (local.get $stream))
    ;; No trailers.
    (call $finish (local.get $body) (i32.const 0) (i32.const 0) (i32.const 128))))
