// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.block;

import dev.faultline.api.address.Page;
import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.cpu.x86.state.Outcome;
import org.jspecify.annotations.Nullable;

/**
 * Interprets so many instructions and no more: blocks that were decoded before, single instructions
 * where there is none or where it is too long. Looks at no request.
 */
final class BoundedRun {
    private final BlockEngine engine;
    private final VcpuContext v;
    private final CodeCache cache;

    BoundedRun(BlockEngine engine, VcpuContext v, CodeCache cache) {
        this.engine = engine;
        this.v = v;
        this.cache = cache;
    }

    /**
     * Interprets until {@code v.instructions} is {@code end}, and delivers nothing.
     *
     * @return an exit of {@link VcpuLoop}; {@link VcpuLoop#EXIT_REQUEST}: all was executed
     */
    int to(long end) {
        while (v.instructions != end) {
            Block b = decoded(end - v.instructions);
            int exit = b == null ? engine.one(true) : run(b);
            if (exit == VcpuLoop.EXIT_FAULT || exit == VcpuLoop.EXIT_HALT) {
                return exit;
            }
        }
        return VcpuLoop.EXIT_REQUEST;
    }

    private int run(Block b) {
        engine.running(b);
        int s = b.run(v);
        if (s < 0) {
            return VcpuLoop.EXIT_FAULT;
        }
        int last = v.engineIndex;
        v.instructions += last + 1;
        return s == Outcome.JUMP ? 0 : engine.ended(s, b.current(), last, v.engineBase);
    }

    /** The whole block at {@code v.rip}, if there is one of not more than so many instructions. */
    private @Nullable Block decoded(long atMost) {
        long lin = v.effBase[Segments.CS] + v.rip & v.ripMask;
        int f = (int) (lin >>> 12) & VcpuContext.FETCH_TLB_ENTRIES - 1;
        if (v.fetchTag[f] != (lin & Page.MASK | v.tlbKey)) {
            return null;
        }
        @Nullable Block[] blocks = cache.page(lin).blocks;
        int at = (int) lin & 0xFFF;
        Block b = blocks[at & blocks.length - 1];
        // An instruction has at least one byte.
        if (b == null
                || b.start != at
                || !b.plain()
                || b.end > CodePage.SIZE
                || b.end - at > atMost) {
            return null;
        }
        v.engineBase = (lin & Page.MASK) - v.effBase[Segments.CS];
        return b;
    }
}
