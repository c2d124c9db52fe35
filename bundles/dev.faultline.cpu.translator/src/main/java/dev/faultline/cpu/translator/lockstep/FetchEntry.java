// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.lockstep;

import dev.faultline.api.address.Gfn;
import dev.faultline.api.address.Gva;
import dev.faultline.api.address.Hva;
import dev.faultline.api.engine.VcpuContext;

/** What the vCPU's context has for fetches from one page, at one time. */
final class FetchEntry {
    private int index;
    private long tag;
    private @Hva long hva;
    private @Gfn long gfn;
    private long global;

    void take(VcpuContext v, @Gva long lin) {
        index = (int) (lin >>> 12) & VcpuContext.FETCH_TLB_ENTRIES - 1;
        tag = v.fetchTag[index];
        hva = v.fetchHva[index];
        gfn = v.fetchGfn[index];
        global = v.fetchGlobal[index];
    }

    void put(VcpuContext v) {
        v.fetchTag[index] = tag;
        v.fetchHva[index] = hva;
        v.fetchGfn[index] = gfn;
        v.fetchGlobal[index] = global;
    }
}
