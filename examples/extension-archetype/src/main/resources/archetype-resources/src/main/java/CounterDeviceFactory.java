package ${package};

import dev.faultline.api.device.Board;
import dev.faultline.api.device.Device;
import dev.faultline.api.device.DeviceFactory;
import org.osgi.service.component.annotations.Component;

/** Offers the device: faultline run IMAGE --device ${deviceName},every=3 */
@Component(property = DeviceFactory.NAME + "=${deviceName}")
public final class CounterDeviceFactory implements DeviceFactory {
    @Override
    public Device create(Board board) {
        return new CounterDevice(board);
    }
}
