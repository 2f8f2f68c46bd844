//! Components made of others.

use serde_json::Value;

/// Replace each text by another of its length, wherever it stands.
pub(super) fn changed(mut component: Vec<u8>, changes: &[(&str, &str)]) -> Vec<u8> {
    for (from, to) in changes {
        assert_eq!(from.len(), to.len(), "{from} {to}");
        let mut found = 0;
        let places: Vec<usize> = component
            .windows(from.len())
            .enumerate()
            .filter(|(_, window)| *window == from.as_bytes())
            .map(|(place, _)| place)
            .collect();
        for place in places {
            component[place..place + to.len()].copy_from_slice(to.as_bytes());
            found += 1;
        }
        assert!(found > 0, "{from} is not in the component");
    }
    component
}

fn leb(mut value: usize, out: &mut Vec<u8>) {
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

fn section(id: u8, content: &[u8], out: &mut Vec<u8>) {
    out.push(id);
    leb(content.len(), out);
    out.extend_from_slice(content);
}

/// A core module of `functions` functions that nobody calls, each of `steps` steps over `locals` locals that depend on
/// one another.
fn module(functions: usize, steps: usize, locals: usize) -> Vec<u8> {
    let mut out = b"\0asm\x01\0\0\0".to_vec();
    // One type: no parameters, one i32.
    section(1, &[1, 0x60, 0, 1, 0x7f], &mut out);
    let mut content = Vec::new();
    leb(functions, &mut content);
    content.resize(content.len() + functions, 0);
    section(3, &content, &mut out);
    let mut body = vec![1];
    leb(locals, &mut body);
    body.push(0x7f);
    let mut state = 12345_usize;
    let mut local = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % locals
    };
    for step in 0..steps {
        for opcode in [0x20, 0x20] {
            body.push(opcode);
            leb(local(), &mut body);
        }
        // i32.add, and every few steps a branch around nothing.
        body.push(0x6a);
        body.push(0x21);
        leb(local(), &mut body);
        if step % 8 == 0 {
            body.extend_from_slice(&[0x02, 0x40, 0x20]);
            leb(local(), &mut body);
            body.extend_from_slice(&[0x0d, 0, 0x20]);
            leb(local(), &mut body);
            body.push(0x21);
            leb(local(), &mut body);
            body.push(0x0b);
        }
    }
    body.extend_from_slice(&[0x20, 0, 0x0b]);
    let mut code = Vec::new();
    leb(functions, &mut code);
    for _ in 0..functions {
        leb(body.len(), &mut code);
        code.extend_from_slice(&body);
    }
    section(10, &code, &mut out);
    out
}

/// The component with a module more, which is compiled although nothing uses it, of about `bytes` bytes in functions of
/// `steps` steps over `locals` locals.
pub(super) fn with_dead_code(mut component: Vec<u8>, bytes: usize, steps: usize, locals: usize) -> Vec<u8> {
    let one = module(1, steps, locals).len();
    let dead = module((bytes / one).max(1), steps, locals);
    section(1, &dead, &mut component);
    component
}

/// Give the component another digest: a custom section more, with this text.
pub(super) fn stamp(component: &mut Vec<u8>, text: &str) {
    let mut content = vec![5];
    content.extend_from_slice(b"stamp");
    content.extend_from_slice(text.as_bytes());
    section(0, &content, component);
}

/// The guest `any-manifest` with this manifest.
pub(super) fn with_manifest(mut component: Vec<u8>, manifest: &Value) -> Vec<u8> {
    const ROOM: usize = 1 << 17;
    let mark = component.windows(13).position(|bytes| bytes == b"any-manifest:").expect("it has its mark");
    let text = manifest.to_string();
    assert!(text.len() <= ROOM, "{} bytes", text.len());
    component[mark..mark + ROOM].fill(b' ');
    component[mark..mark + text.len()].copy_from_slice(text.as_bytes());
    component
}
