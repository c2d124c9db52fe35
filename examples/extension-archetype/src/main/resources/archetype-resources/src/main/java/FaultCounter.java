package ${package};

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import java.util.concurrent.atomic.AtomicLong;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;

/**
 * Asked about every stopped access that no protection layer's own handler answered. Counts, and leaves the answer to the next handler.
 *
 * Called on the vCPUs' threads, several at once: be quick. The fault is reused after the call; keep fault.copy() if you must.
 */
@Component
public final class FaultCounter implements FaultHandler {
    private static final System.Logger LOG = System.getLogger(FaultCounter.class.getName());

    private final AtomicLong faults = new AtomicLong();

    @Override
    public Resolution onFault(String machine, PageFault fault) {
        faults.incrementAndGet();
        return Resolution.PASS;
    }

    long faults() {
        return faults.get();
    }

    @Deactivate
    void deactivate() {
        LOG.log(System.Logger.Level.INFO, "saw {0} faults", faults);
    }
}
