package ${package};

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.fault.Resolution;
import org.junit.jupiter.api.Test;

class FaultCounterTest {
    @Test
    void itCountsAndPasses() {
        PendingFault pending = new PendingFault();
        pending.protectedPage(PendingFault.ACCESS_W, 0, FaultOrigin.DATA, 0x5008, 0, 0, PendingFault.FINAL_ACCESS);
        FaultCounter counter = new FaultCounter();
        assertSame(Resolution.PASS, counter.onFault("vm", new PageFault().set(0, pending)));
        assertEquals(1, counter.faults());
    }
}
