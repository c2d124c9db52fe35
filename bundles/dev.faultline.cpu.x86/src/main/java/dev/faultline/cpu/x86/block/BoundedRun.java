// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.block;

import dev.faultline.api.address.Page;
import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuLoop;
import dev.faultline.cpu.x86.state.Outcome;
import org.jspecify.annotations.Nullable;

/**
 * Interprets so many instructions and no more: blocks that were decoded before or their beginnings,
 * single instructions where there is none. Looks at no request.
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
     * Interprets until {@code v.instructions} is {@code end}, and delivers nothing. The last
     * instruction is decoded anew if it is the only one.
     *
     * @return an exit of {@link VcpuLoop}; {@link VcpuLoop#EXIT_REQUEST}: all was executed
     */
    int to(long end) {
        boolean only = v.instructions == end - 1;
        while (v.instructions != end) {
            Block b = only ? null : decoded();
            int exit = b == null ? engine.one(true) : run(b, end - v.instructions);
            if (exit == VcpuLoop.EXIT_FAULT || exit == VcpuLoop.EXIT_HALT) {
                return exit;
            }
        }
        return VcpuLoop.EXIT_REQUEST;
    }

    private int run(Block b, long atMost) {
        engine.running(b);
        int s = b.count() <= atMost ? b.run(v) : b.run(v, (int) atMost);
        if (s < 0) {
            return VcpuLoop.EXIT_FAULT;
        }
        int last = v.engineIndex;
        v.instructions += last + 1;
        return s == Outcome.JUMP ? 0 : engine.ended(s, b.current(), last, v.engineBase);
    }

    /** The whole block at {@code v.rip}, if there is one in one page. */
    private @Nullable Block decoded() {
        long lin = v.effBase[Segments.CS] + v.rip & v.ripMask;
        int f = (int) (lin >>> 12) & VcpuContext.FETCH_TLB_ENTRIES - 1;
        if (v.fetchTag[f] != (lin & Page.MASK | v.tlbKey)) {
            return null;
        }
        @Nullable Block[] blocks = cache.page(lin).blocks;
        int at = (int) lin & 0xFFF;
        Block b = blocks[at & blocks.length - 1];
        if (b == null || b.start != at || !b.plain() || b.end > CodePage.SIZE) {
            return null;
        }
        v.engineBase = (lin & Page.MASK) - v.effBase[Segments.CS];
        return b;
    }
}
