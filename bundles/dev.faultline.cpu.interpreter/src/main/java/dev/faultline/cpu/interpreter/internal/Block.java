// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.interpreter.internal;

import dev.faultline.cpu.x86.Op;

/** A straight run of decoded instructions inside one page. Immutable. */
final class Block {
    final Op[] ops;

    /** Page offset of the first byte after the last instruction. */
    final int end;

    /** The last instruction's bytes reach into the next page: run it only after checking them again. */
    final boolean crossing;

    Block(Op[] ops, boolean crossing) {
        this.ops = ops;
        this.end = ops[ops.length - 1].end;
        this.crossing = crossing;
    }
}
