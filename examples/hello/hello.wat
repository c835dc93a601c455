;; The text that hello.wasm is made from: a Wagi module, which is a program that prints a CGI answer.
;; `cargo test hello_module` checks that the two are the same.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "content-type: text/plain\n\nHello from a Spin application!\n")
  (func (export "_start")
    ;; One piece of 57 bytes at 64, described at 0; the number of bytes written goes to 16.
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 57))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))
